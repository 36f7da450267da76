"""What stands behind a signature is read strictly: each way of being odd has its case."""

import zlib

import pytest

from services.signing.validation import appended
from services.signing.validation.cross_references import of_stream, of_table
from services.signing.validation.packed import unpacked
from services.signing.validation.syntax import Digits, Name, Odd, Reference, Value, parse
from tests.conformance.cases.raw_updates import allowed, refused
from tests.conformance.pdf import CATALOG, Pdf
from tests.conformance.world import blank

UPDATES = {**dict(refused(blank())), **dict(allowed(blank()))}
RIGHT = sorted(name for name, _ in allowed(blank()))


BEFORE = appended.Before(
    len(blank().content), Reference(CATALOG, 0), dict.fromkeys(range(1, blank().count), 0)
)


def _check(pdf: Pdf) -> None:
    appended.check(pdf.content, BEFORE, updates=1)


@pytest.mark.parametrize("name", RIGHT)
def test_an_update_as_writers_write_it_is_read(name: str):
    _check(UPDATES[name])


@pytest.mark.parametrize("name", sorted(UPDATES.keys() - set(RIGHT)))
def test_an_update_that_could_be_read_in_two_ways_is_not(name: str):
    with pytest.raises(Odd):
        _check(UPDATES[name])


def test_an_update_that_another_reader_does_not_see_is_none():
    with pytest.raises(Odd, match="1 updates where 2 are read"):
        appended.check(UPDATES["update-that-is-empty"].content, BEFORE, updates=2)


def test_objects_are_read_as_they_stand():
    written = rb"<</A 1 0 R/B[-2 .5 (a\)b(c)) <0aF> true null]/C#41<</D/E>>>> "
    said, end = parse(written, 0)
    assert said == {
        b"A": Reference(1, 0),
        b"B": [-2, 0.5, rb"a\)b(c)", Digits(b"0aF"), True, None],
        b"CA": {b"D": Name(b"E")},
    }
    assert end == len(written) - 1


@pytest.mark.parametrize(
    "written",
    [
        b"<</A 1/A 2>>",
        b"<</A 1/#41 2>>",
        b"<</A 1 %c\n>>",
        b"<</A>>",
        b"<<(a) 1>>",
        b"/A#00",
        b"/A#4",
        b"1_0",
        b"+ 1",
        b"1.2.3",
        b"12abc",
        b"<0g>",
        b"(a",
        b"[1",
        b"truefalse",
        b"0 0 R",
        b"8388608 0 R",
        b"1 65536 R",
        b"[" * 40 + b"]" * 40,
        b"",
    ],
)
def test_what_is_odd_is_not_read(written: bytes):
    with pytest.raises(Odd):
        parse(written, 0)


@pytest.mark.parametrize(
    "entries",
    [
        b"5 1\n0000000001 00000 n \n5 1\n0000000001 00000 n \n",
        b"5 2\n0000000001 00000 n \n",
        b"5 0\n",
        b"5 1\n0000000000 00001 f \n",
        b"0 1\n0000113000 65535 f \n",
        b"0 1\n0000000001 00000 n \n",
        b"8388608 1\n0000000001 00000 n \n",
        b"5 1\n0000000001 00000 n\n",
        b"5 1\n000000001 000000 n \n",
        b"5 1\n0000000001 00000 x \n",
    ],
)
def test_a_table_with_entries_that_are_none_is_not_read(entries: bytes):
    with pytest.raises(Odd):
        of_table(b"xref\n%strailer\n<<>>" % entries, 0)


@pytest.mark.parametrize(
    ("said", "rows"),
    [
        ({b"W": [1, 2, 1], b"Index": [5, 1]}, bytes(3)),
        ({b"W": [1, 2, 1], b"Index": [5, 1]}, bytes(8)),
        ({b"W": [1, 2, 1], b"Index": [5]}, bytes(4)),
        ({b"W": [1, 2, 1], b"Index": [5, 2, 6, 1]}, bytes(12)),
        ({b"W": [0, 2, 1], b"Index": [5, 1]}, bytes(3)),
        ({b"W": [2, 2, 1], b"Index": [5, 1]}, bytes(5)),
        ({b"W": [1, 8, 8], b"Index": [0, 1]}, b"\0\x80" + bytes(15)),
        ({b"W": [1, 8, 8], b"Index": [0, 1]}, bytes(9) + b"\xff" * 8),
        ({b"W": [1, 2, 1], b"Index": [5, 1, 9, 0]}, bytes(4)),
        ({b"W": [1, 2], b"Index": [5, 1]}, bytes(3)),
        ({b"W": [1, 2, -1], b"Index": [5, 1]}, bytes(2)),
        ({b"W": [1, 2, 1], b"Index": [5, 1]}, b"\x03" + bytes(3)),
        ({b"W": [1, 2, True], b"Index": [5, 1]}, bytes(4)),
    ],
)
def test_a_stream_of_references_that_is_not_plain_is_not_read(
    said: dict[bytes, object], rows: bytes
):
    with pytest.raises(Odd):
        of_stream(said, rows)  # pyright: ignore[reportArgumentType]


ROWS = zlib.compress(bytes([2, 1, 2, 2, 1, 1]))
PREDICTED: dict[bytes, Value] = {b"Predictor": 12, b"Columns": 2}
FLATE = {b"Filter": Name(b"FlateDecode")}


def test_rows_are_added_up():
    assert unpacked({**FLATE, b"DecodeParms": PREDICTED}, ROWS, columns=2) == bytes([1, 2, 2, 3])


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ({**FLATE, b"DecodeParms": PREDICTED | {b"Colors": 2}}, ROWS),
        ({**FLATE, b"DecodeParms": PREDICTED | {b"Columns": 5}}, ROWS),
        ({**FLATE, b"DecodeParms": PREDICTED | {b"Predictor": 2}}, ROWS),
        ({**FLATE, b"DecodeParms": PREDICTED}, zlib.compress(bytes([0, 1, 2]))),
        ({**FLATE, b"DecodeParms": PREDICTED}, zlib.compress(bytes([2, 1]))),
        ({**FLATE, b"DecodeParms": [PREDICTED]}, ROWS),
        ({b"DecodeParms": PREDICTED}, bytes([2, 1, 2])),
        ({b"Filter": Name(b"LZWDecode")}, ROWS),
        ({b"Filter": [Name(b"FlateDecode")]}, ROWS),
        (FLATE, ROWS[:-3]),
        (FLATE, ROWS + b"x"),
        (FLATE, zlib.compress(bytes(17 << 20))),
    ],
)
def test_a_stream_that_is_packed_in_another_way_is_not_read(said: dict[bytes, Value], data: bytes):
    with pytest.raises(Odd):
        unpacked(said, data, columns=2)
