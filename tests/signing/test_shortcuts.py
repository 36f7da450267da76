"""What is faster than pyHanko's own code answers exactly as it does."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic

from infra.pki.authority import Addresses, Authority, Use, issue, new_key, sign_list, subject
from services.signing import hexstring
from services.signing.trust import RevocationList, find_in, scan
from tests.fixtures.papers import Papers, days

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


def test_the_index_of_a_list_answers_as_a_scan_of_its_entries(papers: Papers) -> None:
    office = papers.office
    certificates = [_certificate(office.issuing, office.addresses) for _ in range(6)]
    revoked = certificates[:3]
    known = RevocationList.load("issuing", _list(office.issuing, revoked))
    find = find_in([known])
    for certificate in certificates:
        parsed = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
        arguments = (parsed, parsed.issuer, known.parsed, parsed.issuer)
        fast, slow = find(*arguments), scan(*arguments)
        assert fast == slow
        assert (fast[0] is not None) == (certificate in revoked)


def test_only_known_lists_are_indexed(papers: Papers) -> None:
    office = papers.office
    certificate = _certificate(office.issuing, office.addresses)
    known = RevocationList.load("issuing", _list(office.issuing, []))
    other = RevocationList.load("issuing", _list(office.issuing, [certificate]))
    parsed = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    when, _reason = find_in([known])(parsed, parsed.issuer, other.parsed, parsed.issuer)
    assert when is not None


def _certificate(issuing: Authority, addresses: Addresses) -> x509.Certificate:
    name = subject(common_name="A", organisation="B")
    return issue(issuing, name, new_key(), use=Use.SEAL, addresses=addresses)


def _list(issuing: Authority, revoked: list[x509.Certificate]) -> bytes:
    serials = [one.serial_number for one in revoked]
    return sign_list(issuing, number=1, period=days(-1, 1), revoked=serials)
