"""Cursors: where a reader stands in each lane or event log that it reads together."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

from services.notify.mailbox import LaneKey
from shared.chain import LANES, Lane
from shared.ids import AgencyId

LONGEST = 60_000
"""Characters of a cursor: 200 agencies of a token, each with some fourteen that it succeeds."""

_ID, _MARK = 16, 8

Mark: TypeAlias = tuple[bytes, Lane]
"""A lane as a cursor names it: ids are cut, for a cursor of 200 agencies has to fit a URL."""


def mark(key: LaneKey) -> Mark:
    """Return how cursors name this lane."""
    agency, lane = key
    return _cut(agency), lane


@lru_cache(maxsize=4096)
def _cut(agency: AgencyId) -> bytes:
    return hashlib.blake2b(agency.bytes, digest_size=_MARK).digest()


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
    parts += [_part(agency, number) for agency, number in cursor.numbers.items() if number]
    return _encode(b"".join(parts))


@lru_cache(maxsize=16_384)  # from one event to the next, all parts but one are the same
def _part(agency: AgencyId, number: int) -> bytes:
    return _cut(agency) + _varint(number)


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
        numbers: dict[bytes, int] = {}
        while rest:
            one, rest = _take(rest, _MARK)
            numbers[one], rest = _read_varint(rest)
    except (ValueError, IndexError) as error:
        raise Unreadable(text) from error
    places = {agency: numbers.get(_cut(agency), 0) for agency in agencies}
    return EventCursor(epoch_bytes, {one: number for one, number in places.items() if number})


def lane_cursor(numbers: Mapping[Mark, int]) -> str:
    """Write a place in several lanes, opaque."""
    parts = [
        one + b"".join(_varint(numbers.get((one, lane), 0)) for lane in LANES)
        for one in dict.fromkeys(one for (one, _), number in numbers.items() if number)
    ]
    return _encode(b"".join(parts)) or "-"


def read_lane_cursor(text: str) -> dict[Mark, int]:
    """Read a place in several lanes. Raises Unreadable."""
    numbers: dict[Mark, int] = {}
    try:
        rest = b"" if text == "-" else _decode(text)
        while rest:
            one, rest = _take(rest, _MARK)
            for lane in LANES:
                number, rest = _read_varint(rest)
                if number:
                    numbers[one, lane] = number
    except (ValueError, IndexError) as error:
        raise Unreadable(text) from error
    return numbers


def _take(raw: bytes, length: int) -> tuple[bytes, bytes]:
    if len(raw) < length:
        raise ValueError("cut short")
    return raw[:length], raw[length:]


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
