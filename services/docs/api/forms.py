"""Multipart forms read as a stream: each part's bytes are handed on while they come in."""

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from shared.errors import Fault, Problem

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form. Its chunks must be read before the next part is asked for."""

    name: str
    file_name: str | None
    media_type: str
    chunks: AsyncIterator[bytes]


def bad_form(vi: str, en: str, *, pointer: str = "") -> Problem:
    """Return the problem of a form that does not have the parts it should have."""
    return Problem("DOC-4225", faults=[Fault(pointer, vi, en)])


async def parts_of(request: Request) -> AsyncGenerator[Part]:
    """Yield the parts of a `multipart/form-data` body in their order; memory is bounded.

    Raises Problem REQ-4151 for another type, DOC-4225 for what is no form (RFC 7578).
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem("REQ-4151")
    events = _events(request, boundary)
    async for event in events:
        if isinstance(event, dict):
            yield _part(event, events)


_Headers = dict[str, str]
_Event = bytes | _Headers | None
"""A part begins (its headers), goes on (bytes), ends (None)."""


def _part(headers: _Headers, events: AsyncIterator[_Event]) -> Part:
    disposition, options = parse_options_header(headers.get("content-disposition"))
    name = options.get(b"name")
    if disposition != b"form-data" or name is None:
        raise bad_form("Một phần không có tên.", "A part has no name.")
    media_type, _ = parse_options_header(headers.get("content-type", "text/plain"))
    try:
        return Part(
            name=name.decode(),
            file_name=_file_name(headers["content-disposition"], options.get(b"filename")),
            media_type=media_type.decode("latin-1"),
            chunks=_until_end(events),
        )
    except UnicodeDecodeError:
        raise bad_form("Tên không phải UTF-8.", "A name is not UTF-8.") from None


_EXTENDED = re.compile(r";\s*filename\*\s*=\s*([^\s;]*)", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-Fa-f]{2})+")
"""RFC 8187 3.2.1: `attr-char` and percent-encoded bytes."""
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')


def _file_name(disposition: str, plain: bytes | None) -> str | None:
    """Return the name of a part's file: `filename*` (RFC 8187, UTF-8) before `filename`.

    RFC 7578 4.2 wants the plain one; libraries that follow RFC 6266 send the other one too.
    """
    extended = _EXTENDED.search(_QUOTED.sub('""', disposition))
    if extended is None:
        return None if plain is None else plain.decode()
    charset, _, rest = extended[1].partition("'")
    _, _, value = rest.partition("'")
    if charset.lower() != "utf-8" or not _ESCAPED.fullmatch(value):
        vi = "filename* phải có dạng UTF-8''<tên mã hóa phần trăm>."
        raise bad_form(vi, "filename* must look like UTF-8''<percent-encoded name>.")
    return unquote_to_bytes(value).decode()


async def _until_end(events: AsyncIterator[_Event]) -> AsyncIterator[bytes]:
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


async def _events(request: Request, boundary: bytes) -> AsyncIterator[_Event]:
    collected = _Collector()
    try:
        parser = MultipartParser(boundary, collected.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
            while collected.events:
                yield collected.events.popleft()
        parser.finalize()
    except FormParserError as error:
        raise bad_form("Không phải multipart hợp lệ.", f"Not valid multipart: {error}") from None
    if not collected.complete:
        raise bad_form("Biểu mẫu bị cắt ngang.", "The form is cut off.")


class _Collector:
    """Turns the parser's callbacks into a queue of events, emptied after every chunk."""

    def __init__(self) -> None:
        self.events: deque[_Event] = deque()
        self.complete = False
        self._headers: _Headers = {}
        self._field, self._value = bytearray(), bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._part_begins,
            "on_part_data": self._part_goes_on,
            "on_part_end": self._part_ends,
            "on_end": self._form_ends,
        }

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        # RFC 7578 5.1: header values may hold UTF-8; latin-1 keeps the bytes for the parser.
        self._headers[self._field.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._field.clear()
        self._value.clear()

    def _part_begins(self) -> None:
        self.events.append(dict(self._headers))

    def _part_goes_on(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def _part_ends(self) -> None:
        self.events.append(None)

    def _form_ends(self) -> None:
        self.complete = True
