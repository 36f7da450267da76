"""What is verified offline: papers, receipts, chains as they have to be, and each one spoilt."""

import base64
import datetime as dt
import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.proof.country import (
    DAY,
    NOW,
    OFFICE,
    ORGANISATION,
    PERSON,
    SAID,
    Country,
    Name,
    founded,
    receipt,
    root_of,
)
from tests.proof.offline import (
    GENESIS,
    link,
    paper_fault,
    receipt_fault,
    trust,
)
from tests.proof.papers import CANARY, Desk, canary

MARK = canary(7, "secret")


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Country:
    return founded(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def paper(country: Country) -> bytes:
    country.desk.prepare([30_000])  # by pyHanko, so what is read here was not written here alone
    return country.desk.write("A", 30_000, MARK)


# pyHanko runs an event loop of its own: these tests and fixtures have none.
def test_a_paper_is_signed_and_the_same_each_time(country: Country, paper: bytes) -> None:
    assert paper_fault(paper, "A", country.trust()) == ""
    assert country.desk.write("A", 30_000, MARK) == paper
    assert country.desk.digest(30_000, paper) == hashlib.sha256(paper).hexdigest()
    assert CANARY.findall(paper) == [MARK.encode()]


def test_every_changed_byte_of_a_paper_is_noticed(country: Country, paper: bytes) -> None:
    trusted = country.trust()
    # All but the last signature itself, which no signature covers: there the digests tell.
    *_, last = re.findall(rb"/ByteRange \[0 (\d+) (\d+) ", paper)
    for place in range(0, len(paper), 199):
        if int(last[0]) <= place < int(last[1]):
            continue
        spoilt = bytearray(paper)
        spoilt[place] ^= 1
        assert paper_fault(bytes(spoilt), "A", trusted), place


def test_a_stranger_s_or_revoked_signature_is_noticed(country: Country, paper: bytes) -> None:
    assert "not by B" in paper_fault(paper, "B", country.trust())
    assert "revoked" in paper_fault(paper, "A", country.trust(country.leader.serial_number))
    assert "after the last" in paper_fault(paper + b"\n", "A", country.trust())
    stranger = root_of("other")
    pem = stranger.certificate.public_bytes(Encoding.PEM)
    der = country.issuing.certificate.public_bytes(Encoding.DER)
    assert "lead to the root" in paper_fault(paper, "A", trust(pem, der, {}))


def test_an_issuing_ca_that_is_revoked_or_over_is_noticed(country: Country, paper: bytes) -> None:
    ca = country.issuing
    revoked = country.trust(by_root=[ca.certificate.serial_number])
    assert "issuing CA's certificate is revoked" in paper_fault(paper, "A", revoked)
    over = country.root.issue(ca.key, (NameOID.COMMON_NAME, "issuing"), days=0)
    late = country.trust(issuing=over, at=NOW + dt.timedelta(hours=1))
    assert "issuing CA's certificate is not valid now" in paper_fault(paper, "A", late)


def test_a_list_that_is_not_of_now_or_missing_is_noticed(country: Country, paper: bytes) -> None:
    for at in (NOW - dt.timedelta(minutes=1), NOW + 2 * DAY):
        assert "list of root is not of now" in paper_fault(paper, "A", country.trust(at=at))
    pem = country.root.certificate.public_bytes(Encoding.PEM)
    der = country.issuing.certificate.public_bytes(Encoding.DER)
    stale = {
        "root": country.root.revoked(),
        "issuing": country.issuing.revoked(begins=NOW - 2 * DAY),
    }
    assert "list of issuing is not of now" in paper_fault(
        paper, "A", trust(pem, der, stale, at=NOW)
    )
    none = trust(pem, der, {"root": country.root.revoked()}, at=NOW)
    assert "no list of issuing" in paper_fault(paper, "A", none)


@pytest.mark.parametrize(
    ("names", "binds", "said"),
    [
        ((ORGANISATION, ORGANISATION), True, "a person's signature and then"),
        ((PERSON, PERSON), True, "a person's signature and then"),
        ((ORGANISATION, PERSON), True, "a person's signature and then"),
        ((PERSON, ORGANISATION), False, "not for signing documents"),
        ((PERSON,), True, "one key"),
    ],
    ids=["two seals", "two persons", "the wrong way round", "a protocol key", "one key twice"],
)
def test_a_letter_bears_a_leader_s_signature_and_then_a_seal(
    country: Country, tmp_path: Path, names: Sequence[Name], *, binds: bool, said: str
) -> None:
    other = replace(country, folder=tmp_path, desk=Desk(tmp_path, country.folder / "papers"))
    other.signer("leader", names[0], OFFICE, binds=binds)
    shutil.copy(tmp_path / "A.leader.p12", tmp_path / "A.seal.p12")
    for seal in names[1:]:
        other.signer("seal", seal, OFFICE)

    assert said in paper_fault(other.desk.write("A", 30_000, MARK), "A", country.trust())


def test_a_receipt_is_verified_and_a_spoilt_one_is_noticed(country: Country) -> None:
    trusted, good = country.trust(), receipt(country)
    assert receipt_fault(good, SAID, trusted) == ""
    assert receipt_fault(good, SAID | {"sequence": 4}, trusted) != ""
    assert receipt_fault(good[:-4] + "AAAA", SAID, trusted) != ""
    assert receipt_fault(receipt(country, alg="none"), SAID, trusted) != ""
    assert receipt_fault("", SAID, trusted) != ""
    der = country.leader.public_bytes(Encoding.DER)
    foreign = receipt(country, x5c=[base64.b64encode(der).decode()])
    assert "not a key that signs receipts" in receipt_fault(foreign, SAID, trusted)


def test_a_chain_binds_all_that_it_has_to() -> None:
    agency = UUID("00000000-0000-0000-0000-000000000001")
    first = link(agency, "normal", 1, GENESIS, b"entry")
    # The rule of the protocol, worked out by hand once.
    fields = [
        b"lienthong/mailbox/1",
        agency.bytes,
        b"normal",
        (1).to_bytes(8, "big"),
        GENESIS,
        hashlib.sha256(b"entry").digest(),
    ]
    joined = b"".join(len(one).to_bytes(4, "big") + one for one in fields)
    assert first == hashlib.sha256(joined).digest()
    others = {
        link(UUID(int=2), "normal", 1, GENESIS, b"entry"),
        link(agency, "urgent", 1, GENESIS, b"entry"),
        link(agency, "normal", 2, GENESIS, b"entry"),
        link(agency, "normal", 1, first, b"entry"),
        link(agency, "normal", 1, GENESIS, b"other"),
    }
    assert len(others | {first}) == 6
