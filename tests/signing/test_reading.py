"""What workers read of PKIs from outside: authorities to be listed, their lists and answers."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from infra.pki.authority import Authority
from services.signing.forks import Forks
from services.signing.pipe import (
    AnswerFacts,
    CertificateFacts,
    CertificatesFacts,
    ListFacts,
    Reading,
)
from services.signing.pool import Limits, Present, Worker
from services.signing.reading import read
from services.signing.validation import material as stuff
from services.signing.validation.material import Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust
from tests.signing.elsewhere import DER, answered, crl, der, leaf, make_ca, pem
from tests.signing.stamping import unit_of

ROOT = make_ca("CA gốc khác")
BELOW = make_ca("CA cấp dưới", by=ROOT)
STRANGER = make_ca("CA gốc khác")
"""Of the same name and with another key."""
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime.now(UTC)
LEAF = x509.load_der_x509_certificate(leaf(ROOT))


def material() -> Material:
    """Return a trust list of one root."""
    listed = stuff.Authority("other", der(ROOT), True, BEGAN, None, ("leader",))
    return Material(NEWEST.read_bytes(), (listed,), ())


TRUST = Trust(material())


def certificate(one: Authority) -> CertificateFacts:
    """Have a certificate read."""
    found = read(Reading("certificate", der(one), at=NOW), TRUST)
    assert isinstance(found, CertificateFacts)
    return found


def test_a_root_and_an_authority_below_a_listed_one_are_read() -> None:
    found = certificate(STRANGER)
    assert (found.self_signed, found.issued_by, found.objection) == (True, None, "")
    assert found.key == "ec secp256r1"
    assert "CA gốc khác" in found.subject
    below = certificate(BELOW)
    assert (below.self_signed, below.issued_by, below.objection) == (False, "other", "")
    unlisted = certificate(make_ca("CA lạ", by=STRANGER))
    assert (unlisted.self_signed, unlisted.issued_by) == (False, None)


def test_what_is_no_authority_is_said_so() -> None:
    found = read(Reading("certificate", leaf(ROOT), at=NOW), TRUST)
    assert isinstance(found, CertificateFacts)
    assert "basicConstraints" in found.objection
    assert "basicConstraints" in certificate(make_ca("CA không phải CA", ca=False)).objection


@pytest.mark.parametrize("content", [b"", b"0", b"\x30\x80\x00\x00", pem(ROOT).encode()])
@pytest.mark.parametrize("what", ["certificate", "list", "answer"])
def test_garbage_is_not_usable(
    what: Literal["certificate", "list", "answer"], content: bytes
) -> None:
    job = Reading(what, content, authority="other", certificate=leaf(ROOT), at=NOW)
    with pytest.raises(Unusable):
        read(job, TRUST)


def listed(content: bytes, *serials: int) -> ListFacts:
    """Have a list read."""
    wanted = tuple(f"{one:x}" for one in serials)
    found = read(Reading("list", content, authority="other", serials=wanted, at=NOW), TRUST)
    assert isinstance(found, ListFacts)
    return found


def test_a_list_is_searched_for_the_serials_that_are_ours() -> None:
    hold = x509.ReasonFlags.certificate_hold
    found = listed(crl(ROOT, 5, LEAF.serial_number, number=7, reason=hold), LEAF.serial_number, 6)
    assert found.number == 7
    assert [(one.serial, one.reason) for one in found.revoked] == [
        (f"{LEAF.serial_number:x}", "certificateHold")
    ]
    assert found.revoked[0].since == found.this_update


@pytest.mark.parametrize("number", [None, 1 << 63, 1 << 150])
def test_a_list_without_a_number_or_with_a_huge_one_counts_by_its_time(number: int | None) -> None:
    found = listed(crl(ROOT, number=number))
    assert found.number == int(found.this_update.timestamp())


def test_another_authoritys_list_is_not_usable() -> None:
    for other in (crl(STRANGER, number=1), crl(BELOW, number=1), crl(make_ca("x"), number=1)):
        with pytest.raises(Unusable):
            listed(other)
    with pytest.raises(Unusable, match="not listed"):
        read(Reading("list", crl(ROOT, number=1), authority="unknown", at=NOW), TRUST)


def question(nonce: bytes = b"n" * 16) -> bytes:
    """Return an OCSP request about the leaf."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(LEAF, ROOT.certificate, hashes.SHA1())  # noqa: S303
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(DER)


def answer(content: bytes, nonce: bytes = b"n" * 16) -> AnswerFacts:
    """Have an answer read."""
    about = LEAF.public_bytes(DER)
    job = Reading("answer", content, authority="other", certificate=about, nonce=nonce, at=NOW)
    found = read(job, TRUST)
    assert isinstance(found, AnswerFacts)
    return found


def test_an_answer_says_whether_the_certificate_is_revoked() -> None:
    assert answer(answered(ROOT, question(), LEAF)).reason is None
    assert answer(answered(ROOT, question(), LEAF, revoked=True)).reason == "keyCompromise"


def test_an_answer_to_another_question_is_not_usable() -> None:
    with pytest.raises(Unusable, match="another question"):
        answer(answered(ROOT, question(), LEAF, nonce=b"m" * 16))
    with pytest.raises(Unusable):
        answer(answered(STRANGER, question(), LEAF))


@pytest.mark.parametrize(
    ("reason", "retired"),
    [
        (x509.ReasonFlags.unspecified, True),
        (x509.ReasonFlags.affiliation_changed, True),
        (x509.ReasonFlags.superseded, True),
        (x509.ReasonFlags.cessation_of_operation, True),
        (x509.ReasonFlags.key_compromise, False),
        (x509.ReasonFlags.privilege_withdrawn, False),
        (None, False),
    ],
)
def test_a_list_states_whether_a_unit_was_only_retired(
    reason: x509.ReasonFlags | None, *, retired: bool
) -> None:
    (one,) = listed(crl(ROOT, 5, number=7, reason=reason), 5).revoked
    assert one.retired == retired
    assert one.reason == (reason.value if reason else "unspecified"), "and that is no reason"


def test_units_are_those_of_authorities_that_are_trusted_for_time_stamps() -> None:
    unit = unit_of(ROOT)

    def units(purpose: stuff.Purpose) -> list[bool]:
        authority = stuff.Authority("other", der(ROOT), True, BEGAN, None, (purpose,))
        trust = Trust(Material(NEWEST.read_bytes(), (authority,), ()))
        given = (unit.der, leaf(ROOT), der(BELOW), b"0", unit_of(STRANGER).der)
        found = read(Reading("units", certificates=given, at=NOW), trust)
        assert isinstance(found, CertificatesFacts)
        return [one is not None for one in found.read]

    assert units("timestamp") == [True, False, False, False, False]
    assert not any(units("seal"))


async def test_a_worker_reads_and_says_what_it_cannot_use() -> None:
    async with Forks.open() as forks:
        worker, present = Worker(Limits(), forks), Present(material(), NOW)
        good = await worker.read(Reading("list", crl(ROOT, number=7), authority="other"), present)
        assert good.answer
        assert isinstance(good.answer.facts, ListFacts)
        bad = await worker.read(Reading("list", b"0", authority="other"), present)
        assert bad.answer
        assert (bad.answer.facts, bad.answer.failure) == (None, "unfit")
        proposed = await worker.read(Reading("certificate", der(BELOW)), present)
        assert proposed.answer
        assert isinstance(proposed.answer.facts, CertificateFacts)
        assert proposed.answer.facts.issued_by == "other"


CERTIFICATE = Reading("certificate", der(BELOW))


async def test_material_that_cannot_be_loaded_is_told_and_the_next_worker_loads_another() -> None:
    broken = replace(material(), policy=b"no policy")
    async with Forks.open() as forks:
        worker = Worker(Limits(), forks)
        look = await worker.read(CERTIFICATE, Present(broken, NOW))
        assert (look.failure, look.cause) == ("died", "trust material: BadPolicy")
        assert worker.pid is None
        good = await worker.read(CERTIFICATE, Present(material(), NOW))
        assert good.answer
        assert isinstance(good.answer.facts, CertificateFacts)


async def test_material_that_takes_too_long_is_no_limit_that_a_job_met() -> None:
    async with Forks.open() as forks:
        worker = Worker(Limits(material_wall_seconds=0.0), forks)
        look = await worker.read(CERTIFICATE, Present(material(), NOW))
        assert (look.failure, look.cause) == ("died", "trust material: wall clock")
        assert worker.pid is None


@pytest.mark.parametrize(
    ("end", "failure"), [(signal.SIGXCPU, "died"), (signal.SIGKILL, "died"), (None, "")]
)
async def test_the_time_of_a_job_begins_when_the_material_is_loaded(
    end: signal.Signals | None, failure: str
) -> None:
    async with Forks.open() as forks, asyncio.TaskGroup() as group:
        worker = Worker(Limits(wall_seconds=1.0), forks)
        await worker.warm()
        pid = worker.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        reading = group.create_task(worker.read(CERTIFICATE, Present(material(), NOW)))
        await asyncio.wait({reading}, timeout=1.5)
        assert not reading.done()
        with suppress(ProcessLookupError):
            os.kill(pid, end or signal.SIGCONT)
            os.kill(pid, signal.SIGCONT)
        assert (await reading).failure == failure
        await worker.end()
