"""The maker makes valid files, as tools say that share nothing with it."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import subprocess
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from services.signing.validation.material import Authority
from tests.conformance.case import Case
from tests.conformance.expected import expected
from tests.conformance.matrix import matrix

_EMPTY = "coverage.of-nothing.detached"
"""OpenSSL 3.0 takes an empty file of content for none."""
_OPENSSL = [
    "openssl",
    "cms",
    "-verify",
    "-noverify",
    "-binary",
    "-inform",
    "DER",
    "-out",
    "/dev/null",
]


@cache
def _good() -> tuple[Case, ...]:
    page = expected()
    return tuple(case for case in matrix() if page[case.name].decision == "accept")


@pytest.mark.tools
def test_openssl_finds_every_good_detached_signature_right(tmp_path: Path):
    signature, content = tmp_path / "signature", tmp_path / "content"
    for case in _good():
        if case.content is None or case.name == _EMPTY:
            continue
        signature.write_bytes(case.file)
        content.write_bytes(case.content)
        said = subprocess.run(
            [*_OPENSSL, "-in", signature, "-content", content],
            capture_output=True,
            check=False,
        )
        assert said.returncode == 0, (case.name, said.stderr)


def test_pyhanko_finds_every_good_pdf_intact():
    for case in _good():
        if case.content is not None:
            continue
        # Hybrid references are what its strictness refuses altogether.
        reader = PdfFileReader(BytesIO(case.file), strict=b"/XRefStm" not in case.file)
        signatures = reader.embedded_regular_signatures
        assert signatures, case.name
        for one in signatures:
            one.compute_integrity_info()
            intact, valid = validate_sig_integrity(
                one.signer_info,
                one.signer_cert,
                expected_content_type="data",
                actual_digest=one.compute_digest(),
            )
            assert (intact, valid) == (True, True), case.name
        last = max(signatures, key=lambda one: one.signed_revision)
        whole = last.evaluate_signature_coverage() is SignatureCoverageLevel.ENTIRE_FILE
        assert whole or case.dimension == "changes", case.name


def test_the_lists_and_answers_of_good_cases_can_be_read_and_are_signed():
    for case in _good():
        certificates = {one.name: _certificate(one) for one in case.authorities}
        names = {"revocation.newer-list-altered", "revocation.revoked-in-a-forged-list"}
        for listed in case.lists:
            read = x509.load_der_x509_crl(listed.der)
            by = certificates[listed.authority]
            key = by.public_key()
            fits = read.issuer == by.subject and read.is_signature_valid(key)  # pyright: ignore[reportArgumentType]
            assert fits or case.name.rpartition(".")[0] in names, case.name
        for answer in case.answers:
            status = ocsp.load_der_ocsp_response(answer).response_status
            assert status is ocsp.OCSPResponseStatus.SUCCESSFUL, case.name


def _certificate(authority: Authority) -> x509.Certificate:
    return x509.load_der_x509_certificate(authority.der)


def _is_the_same_issuer(one: x509.Certificate, other: x509.Certificate) -> bool:
    return one.subject == other.subject and one.public_key() == other.public_key()


@pytest.mark.parametrize("dimension", ["chain", "validity"])
def test_certificates_of_good_cases_are_signed_by_a_listed_authority(dimension: str):
    for case in _good():
        if case.dimension != dimension:
            continue
        listed = [_certificate(one) for one in case.authorities]
        below = [
            one for one, entry in zip(listed, case.authorities, strict=True) if not entry.anchor
        ]
        for one in below:
            above = [by for by in listed if by.subject == one.issuer]
            if above:
                one.verify_directly_issued_by(above[0])
            else:  # renewed: the root of its first certificate is listed no more
                assert any(other != one and _is_the_same_issuer(other, one) for other in below)
