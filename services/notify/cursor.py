"""Cursors: where a reader stands in each lane or event log that it reads together."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.notify.mailbox import LaneKey
from shared.chain import LANES
from shared.ids import AgencyId

_ID = 16
_LANE_OF_BYTE = dict(enumerate(LANES))
_BYTE_OF_LANE = {lane: number for number, lane in _LANE_OF_BYTE.items()}


class Unreadable(ValueError):  # noqa: N818 (a state of the text)
    """The text is not a cursor that was handed out here."""


@dataclass(frozen=True, slots=True)
class EventCursor:
    """A place in the event logs of some agencies: numbers count within one epoch."""

    epoch: UUID
    numbers: Mapping[AgencyId, int]


def event_cursor(cursor: EventCursor, *, agencies: Sequence[AgencyId]) -> str:
    """Write a cursor: `<epoch>.<number>` for one agency, opaque for several."""
    if len(agencies) == 1:
        return f"{cursor.epoch}.{cursor.numbers.get(agencies[0], 0)}"
    parts = [cursor.epoch.bytes]
    parts += [agency.bytes + _varint(number) for agency, number in cursor.numbers.items() if number]
    return _encode(b"".join(parts))


def read_event_cursor(text: str, *, agencies: Sequence[AgencyId]) -> EventCursor:
    """Read a cursor of a caller who sees these agencies; the first is the one that acts.

    An agency that the cursor does not name starts at its beginning. Raises Unreadable.
    """
    try:
        if "." in text:
            epoch, _, number = text.partition(".")
            return EventCursor(UUID(epoch), {agencies[0]: _natural(number)})
        raw = _decode(text)
        epoch_bytes, rest = UUID(bytes=raw[:_ID]), raw[_ID:]
        numbers: dict[AgencyId, int] = {}
        while rest:
            agency = AgencyId(UUID(bytes=rest[:_ID]))
            numbers[agency], rest = _read_varint(rest[_ID:])
    except (ValueError, IndexError) as error:
        raise Unreadable(text) from error
    return EventCursor(
        epoch_bytes, {one: number for one, number in numbers.items() if one in agencies}
    )


def lane_cursor(numbers: Mapping[LaneKey, int]) -> str:
    """Write a place in several lanes, opaque."""
    parts = [
        agency.bytes + bytes([_BYTE_OF_LANE[lane]]) + _varint(number)
        for (agency, lane), number in numbers.items()
        if number
    ]
    return _encode(b"".join(parts)) or "-"


def read_lane_cursor(text: str) -> dict[LaneKey, int]:
    """Read a place in several lanes. Raises Unreadable."""
    numbers: dict[LaneKey, int] = {}
    try:
        rest = b"" if text == "-" else _decode(text)
        while rest:
            agency = AgencyId(UUID(bytes=rest[:_ID]))
            lane = _LANE_OF_BYTE[rest[_ID]]
            numbers[agency, lane], rest = _read_varint(rest[_ID + 1 :])
    except (ValueError, IndexError, KeyError) as error:
        raise Unreadable(text) from error
    return numbers


def _natural(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 62 or not text.isdecimal():
        raise ValueError(text)
    return number


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:  # noqa: PLR2004 (LEB128: seven bits a byte)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(raw: bytes) -> tuple[int, bytes]:
    number = 0
    for place in range(9):
        number |= (raw[place] & 0x7F) << 7 * place
        if raw[place] < 0x80:  # noqa: PLR2004 (the last byte has no continuation bit)
            return number, raw[place + 1 :]
    raise ValueError("too long a number")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        raw = text.encode("ascii")
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(text) from error
