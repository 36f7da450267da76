"""A trust with the answers about one file says what a trust with them in its material says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509 import OCSPNonce, ocsp

from services.signing.evidence import Subject, material, named, pieces, written
from services.signing.validation.informed import Informed
from services.signing.validation.material import Authority, Material, digest
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Status
from services.signing.validation.trust import Trust
from services.signing.verdict import PASSED
from tests.signing.elsewhere import DER, answered, der, leaf, make_ca
from tests.signing.reported import finding

CA = make_ca("CA khác")
ID = UUID(int=1)
LEAF, OTHER = leaf(CA), leaf(CA)


def said(about: bytes, *, revoked: bool = False) -> bytes:
    """Return an OCSP answer about a certificate."""
    one = x509.load_der_x509_certificate(about)
    builder = ocsp.OCSPRequestBuilder().add_certificate(one, CA.certificate, SHA1())  # noqa: S303
    asked = builder.add_extension(OCSPNonce(b"n" * 16), critical=False).build()
    return answered(CA, asked.public_bytes(DER), one, revoked=revoked)


def given(*answers: bytes) -> Material:
    """Return the material of an authority that is asked about each certificate."""
    begins = datetime.now(UTC) - timedelta(days=20)
    address = ("http://ca.example/ocsp",)
    listed = Authority("other", der(CA), True, begins, None, ("leader",), (), address)
    return Material(NEWEST.read_bytes(), (listed,), (), answers)


def known(trust: Trust, about: bytes) -> tuple[Status, ...]:
    """Return what is known of a certificate's revocation."""
    return trust.chain(about).links[0].statuses


def test_both_say_the_same_and_the_shared_one_learns_nothing() -> None:
    answers = (said(LEAF), said(LEAF, revoked=True), said(OTHER))
    shared, whole = Trust(given()), Trust(given(*answers))
    for about, count in ((LEAF, 2), (OTHER, 1)):
        found = known(Informed(shared, answers), about)
        assert found == known(whole, about)
        assert len(found) == count
        assert known(shared, about) == ()
    assert known(Informed(shared, (said(OTHER),)), LEAF) == ()


def test_evidence_names_the_answers_that_told_and_they_are_kept_with_the_rest() -> None:
    one = given(said(LEAF), said(OTHER))
    told = replace(finding(), answers=(digest(one.answers[0]),))
    kept = {piece.sha256: piece.content for piece in pieces(one, told)}
    nobody = Subject(ID, ID, "1/VP", ID, "0" * 64, "MAIN")
    evidence, _ = written(nobody, PASSED, told, {}, one)
    names = named(orjson.loads(evidence))
    assert names.answers == told.answers
    assert names.digests() == kept.keys()
    assert material(names, kept).answers == one.answers[:1]
    bare = named(orjson.loads(written(nobody, PASSED, finding(), {}, given())[0]))
    assert bare.answers == (), "what is shared does not remember the answers of a file"
