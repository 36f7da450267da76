"""What is faster than pyHanko's own code answers exactly as it does."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic

from services.signing import hexstring

SLOW_READ = hexstring.slow
_INSIDE = st.text(alphabet="0123456789abcdefABCDEF \n\r\t\0\f%<(gG", max_size=60)


def _outcome(reader: Callable[[BinaryIO], object], raw: bytes) -> tuple[object, int | None]:
    stream = BytesIO(raw)
    try:
        value = reader(stream)
    except Exception as error:  # noqa: BLE001 (whatever it is, both must raise it)
        return type(error), None
    return value, stream.tell()


@given(inside=_INSIDE, after=st.sampled_from([b"", b">", b"> /Next", b">>", b"\n"]))
def test_hexadecimal_strings_are_read_as_pyhanko_reads_them(inside: str, after: bytes) -> None:
    raw = b"<" + inside.encode() + after
    assert _outcome(hexstring.read, raw) == _outcome(SLOW_READ, raw)


def test_long_strings_are_read_in_pieces() -> None:
    raw = b"<" + b"0a" * 40_000 + b"> endobj"
    assert _outcome(hexstring.read, raw) == _outcome(SLOW_READ, raw)
    assert isinstance(hexstring.read(BytesIO(raw)), generic.ByteStringObject)
