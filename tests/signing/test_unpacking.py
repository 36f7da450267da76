"""Streams are unpacked as PNG's rows say, and what readers may unpack otherwise is refused."""
# pyHanko is typed in part only:
# pyright: reportUnknownMemberType=false

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import ArrayObject, NullObject, NumberObject, pdf_name
from pyhanko.pdf_utils.misc import PdfError

from services.signing.validation import spelled, unpacking

_FLATE = pdf_name("/FlateDecode")
_ROWS = some.lists(
    some.tuples(some.integers(0, 4), some.binary(min_size=6, max_size=6)), min_size=1
)


@pytest.fixture(autouse=True)
def installed() -> None:
    unpacking.install()


def _unpacked(data: bytes, **said: object) -> bytes:
    named = {pdf_name(f"/{key}"): one for key, one in said.items()}
    return bytes(generic.StreamObject(named, encoded_data=data).data)


def _parameters(**numbers: int) -> generic.DictionaryObject:
    return generic.DictionaryObject(
        {pdf_name(f"/{key}"): NumberObject(one) for key, one in numbers.items()}
    )


def _predicted(rows: list[tuple[int, bytes]], back: int) -> bytes:
    """Predict rows as RFC 2083 6.2 to 6.6 writes it down, byte for byte."""
    above, found = bytes(6), bytearray()
    for kind, row in rows:
        found.append(kind)
        for place, one in enumerate(row):
            left = row[place - back] if place >= back else 0
            corner = above[place - back] if place >= back else 0
            found.append((one - _guess(kind, left, above[place], corner)) % 256)
        above = row
    return bytes(found)


def _guess(kind: int, left: int, over: int, corner: int) -> int:
    if kind == 4:
        estimate = left + over - corner
        distances = abs(estimate - left), abs(estimate - over), abs(estimate - corner)
        if distances[0] <= distances[1] and distances[0] <= distances[2]:
            return left
        return over if distances[1] <= distances[2] else corner
    return (0, left, over, (left + over) // 2)[kind]


@given(rows=_ROWS, colours=some.sampled_from([1, 2, 3]))
def test_rows_of_all_kinds_are_what_was_predicted(rows: list[tuple[int, bytes]], colours: int):
    data = zlib.compress(_predicted(rows, colours))
    how = _parameters(Predictor=15, Columns=6 // colours, Colors=colours)
    assert _unpacked(data, Filter=_FLATE, DecodeParms=how) == b"".join(row for _, row in rows)


def test_pixels_of_less_than_a_byte_are_predicted_by_the_byte_before():
    data = zlib.compress(b"\1\x10\x10\x10")
    how = _parameters(Predictor=11, Columns=6, BitsPerComponent=4)
    assert _unpacked(data, Filter=_FLATE, DecodeParms=how) == b"\x10\x20\x30"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Filter": _FLATE},
        {"Filter": ArrayObject([_FLATE])},
        {"Filter": _FLATE, "DecodeParms": NullObject()},
        {"Filter": ArrayObject([_FLATE]), "DecodeParms": ArrayObject([NullObject()])},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=1)},
    ],
)
def test_what_is_packed_plainly_is_unpacked(said: dict[str, object]):
    data = zlib.compress(b"noi dung") if said else b"noi dung"
    assert _unpacked(data, **said) == b"noi dung"


@pytest.mark.parametrize(
    "said",
    [
        {"Filter": pdf_name("/ASCIIHexDecode")},
        {"Filter": ArrayObject([_FLATE, _FLATE])},
        {"Filter": _FLATE, "DP": _parameters(Predictor=12)},
        {"Filter": _FLATE, "F": _FLATE},
        {"F": _FLATE},
        {"DecodeParms": _parameters(Predictor=12)},
        {"Filter": ArrayObject([_FLATE]), "DecodeParms": _parameters(Predictor=12, Columns=6)},
        {"Filter": _FLATE, "DecodeParms": ArrayObject([_parameters(Predictor=12, Columns=6)])},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=2, Columns=6)},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=12, Columns=0)},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=12, Columns=5)},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=12, Columns=6, Colors=99)},
        {"Filter": _FLATE, "DecodeParms": _parameters(Predictor=12, Columns=3, BitsPerComponent=3)},
    ],
)
def test_what_readers_may_unpack_otherwise_is_refused(said: dict[str, object]):
    data = zlib.compress(_predicted([(2, b"123456")], 1))
    with pytest.raises(PdfError):
        _unpacked(data, **said)


def test_a_filter_is_a_name():
    spelled.install()
    with pytest.raises(PdfError):
        _unpacked(zlib.compress(b"a"), Filter=generic.TextStringObject("/FlateDecode"))


def test_rows_of_no_kind_are_refused():
    how = _parameters(Predictor=12, Columns=1)
    with pytest.raises(PdfError):
        _unpacked(zlib.compress(b"\5a"), Filter=_FLATE, DecodeParms=how)
