"""Unpacks a PDF's streams as all readers do: pyHanko takes rows that are predicted for others.

What is packed in ways that pyHanko and readers look up under different names is refused.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import filters, generic
from pyhanko.pdf_utils.misc import PdfReadError

_FLATE = "/FlateDecode"
_ELSEWHERE = frozenset({"/F", "/FFilter", "/FDecodeParms", "/DP"})
"""Of a stream: what it holds stands in another file, or is unpacked in words of inline images."""
_OF_ROWS = {"/Predictor": (1, 15), "/Columns": (1, 1 << 20), "/Colors": (1, 32)}
"""Entries of /DecodeParms with their bounds (ISO 32000-2 7.4.4.3)."""
_BITS = (1, 2, 4, 8, 16)
_NONE, _SUB, _UP, _AVERAGE, _PAETH = range(5)
"""How a row is predicted (PNG, RFC 2083 6)."""
_BITS_OF_A_BYTE = 8

_theirs = filters.FlateDecode()
"""pyHanko's own filter."""


class Flate(filters.Decoder):
    """The filter /FlateDecode with rows that are predicted as PNG's (ISO 32000-2 7.4.4.4)."""

    def encode(self, data: bytes, decode_params: Any = None) -> bytes:  # noqa: ANN401
        """Pack as pyHanko does."""
        return bytes(_theirs.encode(data, decode_params))

    def decode_bounded(self, data: bytes, decode_params: Any, max_output_size: int | None) -> bytes:  # noqa: ANN401
        """Return what is packed. Raises PdfReadError, PdfDecodeLimitError, zlib.error."""
        content = bytes(_theirs.decode_bounded(data, {}, max_output_size))
        said = {str(key): decode_params[key] for key in decode_params or ()}
        predictor = _number(said.get("/Predictor", 1), *_OF_ROWS["/Predictor"])
        if predictor == 1:
            return content
        columns = _number(said.get("/Columns", 1), *_OF_ROWS["/Columns"])
        colours = _number(said.get("/Colors", 1), *_OF_ROWS["/Colors"])
        bits = said.get("/BitsPerComponent", 8)
        if predictor < 10 or bits not in _BITS:  # noqa: PLR2004 (TIFF's)
            raise PdfReadError("a stream that is predicted in another way")
        return unpredicted(content, columns * colours * int(bits), colours * int(bits))


def unpredicted(content: bytes, row_bits: int, pixel_bits: int) -> bytes:
    """Return rows of so many bits as they were before they were predicted. Raises PdfReadError."""
    length, back = -(-row_bits // _BITS_OF_A_BYTE), -(-pixel_bits // _BITS_OF_A_BYTE)
    if len(content) % (length + 1):
        raise PdfReadError("a stream whose last row is not whole")
    above, rows = bytes(length), bytearray()
    for at in range(0, len(content), length + 1):
        above = _row(content[at], content[at + 1 : at + 1 + length], above, back)
        rows += above
    return bytes(rows)


def _row(kind: int, row: bytes, above: bytes, back: int) -> bytes:
    if kind == _NONE:
        return row
    if kind == _UP:
        return bytes((one + over) & 0xFF for one, over in zip(row, above, strict=True))
    if kind not in (_SUB, _AVERAGE, _PAETH):
        raise PdfReadError("a stream with rows of no kind")
    found = bytearray(back) + row
    corner = bytes(back) + above
    for place, over in enumerate(above):
        left = found[place]
        guessed = {
            _SUB: left,
            _AVERAGE: (left + over) // 2,
            _PAETH: _nearest(left, over, corner[place]),
        }[kind]
        found[place + back] = (row[place] + guessed) & 0xFF
    return bytes(found[back:])


def _nearest(left: int, over: int, corner: int) -> int:
    """Return the one that is nearest to left + over - corner, in this order (RFC 2083 6.6)."""
    guess = left + over - corner
    return min((left, over, corner), key=lambda one: abs(guess - one))


def _number(one: Any, least: int, most: int) -> int:  # noqa: ANN401
    if not isinstance(one, int) or isinstance(one, bool) or not least <= one <= most:
        raise PdfReadError("a stream that does not say plainly how it is predicted")
    return int(one)


def _stages(stream: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield the filter of a stream with its parameters, if it has one. Raises PdfReadError."""
    packed, how = _said(stream, "/Filter"), _said(stream, "/DecodeParms")
    many, more = (isinstance(one, generic.ArrayObject) for one in (packed, how))
    names, each = [*packed] if many else [packed], [*how] if more else [how]
    given = [None if isinstance(one, generic.NullObject) else one for one in each]
    is_plain = packed is None and given == [None] and not more
    is_flate = names == [_FLATE] and len(given) == 1 and (more == many or given == [None])
    if _ELSEWHERE & {str(key) for key in stream} or not (is_plain or is_flate):
        raise PdfReadError("a stream that is packed in another way")
    if is_flate:
        yield _FLATE, given[0]


def _said(stream: Any, key: str) -> Any:  # noqa: ANN401
    try:
        return stream[key]
    except KeyError:  # it is not there, or null
        return None


def install() -> None:
    """Have pyHanko unpack streams so in this process."""
    setattr(generic.StreamObject, "_filters", _stages)  # noqa: B010 (it is theirs alone)
    filters.DECODERS = {_FLATE: Flate}
