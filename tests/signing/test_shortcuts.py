"""What is faster than pyHanko's own code answers exactly as it does."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import datetime as dt
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko_certvalidator.revinfo import validate_crl

from infra.pki.authority import Addresses, Authority, Use, issue, new_key, subject
from services.signing import hexstring
from services.signing.trust import RevocationList, find_in
from tests.fixtures.papers import Papers

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
        fast, slow = find(*arguments), validate_crl.find_cert_in_list(*arguments)
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
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuing.certificate.subject)
        .last_update(now)
        .next_update(now + dt.timedelta(days=1))
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
    return builder.sign(issuing.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
