"""A receipt is verified offline, and whatever is changed in it is found."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.pki.authority import (
    Addresses,
    Authority,
    Period,
    Use,
    issue,
    key_pem,
    load,
    new_key,
    pem,
    subject,
)
from infra.receipts.__main__ import main
from infra.receipts.checks import SUBJECT as RECEIPT_SUBJECT
from infra.receipts.checks import TYPE as RECEIPT_TYPE
from infra.receipts.checks import Trust, verify
from services.notify.entry import Party
from services.notify.keys import ReceiptKeys
from services.notify.receipt import TYPE, Acknowledging, ReceiptKey, sign
from shared.ids import AgencyId, uuid7
from tests.notify.chains import Mailbox, arrival
from tests.notify.running import SUBJECT, make_receipt_key


@dataclass(frozen=True, slots=True)
class Desk:
    """A development PKI and one receipt made with it."""

    pki: Path
    trust: Trust
    receipt: str


def make(pki: Path, key: ReceiptKey | None = None) -> str:
    """Sign a receipt of a fresh entry."""
    one = arrival(Mailbox(AgencyId(uuid7()), "H14.03.05").clear())
    who = Acknowledging(
        Party(id=one.entry.agency, code="H14.03.05"),
        "sys-h14-03-05",
        datetime.now(UTC).replace(microsecond=0),
    )
    key = key or ReceiptKeys(pki / "notify").signing()
    return sign(one.entry, one.content, who, id_=uuid7(), issuer="http://gateway", key=key)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Make the PKI once; nothing here changes it."""
    pki = tmp_path_factory.mktemp("pki")
    make_receipt_key(pki)
    trust = Trust(x509.load_pem_x509_certificate((pki / "root.pem").read_bytes()))
    return Desk(pki, trust, make(pki))


def failures(receipt: str, trust: Trust) -> list[str]:
    """Return the English names of the checks that fail."""
    return [check.en for check in verify(receipt, trust) if check.failure is not None]


def test_both_sides_speak_of_the_same_receipts():
    assert (RECEIPT_TYPE, RECEIPT_SUBJECT) == (TYPE, SUBJECT)


def test_a_receipt_verifies_with_nothing_but_the_root(desk: Desk):
    assert failures(desk.receipt, desk.trust) == []
    assert failures(json.dumps({"receipt": desk.receipt}), desk.trust) == []


# cryptography speaks of a name that the change has made odd, and so do we: it is refused.
@pytest.mark.filterwarnings("ignore:Attribute's length:UserWarning")
@settings(max_examples=300, deadline=None)
@given(place=st.integers(min_value=0, max_value=10**6), change=st.integers(1, 255))
def test_any_changed_byte_is_refused(desk: Desk, place: int, change: int):
    raw = bytearray(desk.receipt.encode())
    raw[place % len(raw)] ^= change
    assert failures(raw.decode("latin-1"), desk.trust)


def test_another_root_does_not_vouch(desk: Desk, tmp_path: Path):
    make_receipt_key(tmp_path)
    other = Trust(x509.load_pem_x509_certificate((tmp_path / "root.pem").read_bytes()))
    assert failures(desk.receipt, other) == ["The certificate chain leads to the root"]


@pytest.mark.parametrize(
    ("use", "name"),
    [(Use.SEAL, SUBJECT), (Use.PROTOCOL, "Cổng liên thông: khóa ký mã truy cập")],
)
def test_a_key_for_something_else_makes_no_receipts(desk: Desk, use: Use, name: str):
    issuing = load(desk.pki, "issuing")
    key = new_key()
    common = subject(common_name=name, organisation="UBND xã")
    leaf = issue(issuing, common, key, use=use, addresses=Addresses("http://127.0.0.1:1"))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    forged = ReceiptKey("forged", key, (_der(leaf), _der(issuing.certificate)))
    assert failures(make(desk.pki, forged), desk.trust) == ["The key was issued to sign receipts"]


def test_a_certificate_that_did_not_issue_is_no_link(desk: Desk):
    # A leaf signs another leaf: the chain is sound but for the right to issue.
    real = ReceiptKeys(desk.pki / "notify").signing()
    owner = x509.load_der_x509_certificate(real.chain[0])
    key = new_key()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    common = subject(common_name=SUBJECT, organisation="UBND xã")
    addresses = Addresses("http://127.0.0.1:1")
    leaf = issue(Authority(owner, real.key), common, key, use=Use.PROTOCOL, addresses=addresses)
    forged = ReceiptKey("forged", key, (_der(leaf), *real.chain))
    assert failures(make(desk.pki, forged), desk.trust) == [
        "The certificate chain leads to the root"
    ]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_the_algorithm_is_not_the_receipts_choice(desk: Desk, algorithm: str):
    head, body, _ = desk.receipt.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    secret = "" if algorithm == "none" else "x" * 32
    forged = jwt.encode(claims, secret, algorithm=algorithm, headers={**header, "alg": algorithm})
    assert "Type and algorithm ES256" in failures(forged, desk.trust)


def test_the_newest_key_signs_and_old_receipts_stay_good(tmp_path: Path):
    old_file = make_receipt_key(tmp_path)
    keys = ReceiptKeys(tmp_path / "notify")
    old_key = keys.signing()
    old = make(tmp_path, old_key)
    newer = new_key()
    assert isinstance(newer, ec.EllipticCurvePrivateKey)
    issuing = load(tmp_path, "issuing")
    name = subject(common_name=SUBJECT, organisation="Liên thông")
    begins = datetime.now(UTC).replace(microsecond=0)
    period = Period(begins, begins + timedelta(days=365))
    addresses = Addresses("http://127.0.0.1:1")
    leaf = issue(issuing, name, newer, use=Use.PROTOCOL, addresses=addresses, period=period)
    content = key_pem(newer) + pem(leaf) + pem(issuing.certificate)
    (tmp_path / "notify" / "newer.pem").write_bytes(content)
    assert keys.signing().kid == "newer"
    old_file.unlink()
    assert keys.signing().kid == "newer"
    trust = Trust(x509.load_pem_x509_certificate((tmp_path / "root.pem").read_bytes()))
    assert failures(old, trust) == []
    assert failures(make(tmp_path, keys.signing()), trust) == []


def test_the_command_names_every_check_and_ends_by_the_result(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    good = tmp_path / "receipt.jws"
    good.write_text(desk.receipt)
    root = str(desk.pki / "root.pem")
    assert main(["verify", str(good), "--root", root]) == 0
    assert "Chữ ký đúng với nội dung · The signature covers the content" in capsys.readouterr().out
    bad = tmp_path / "bad.jws"
    bad.write_text(desk.receipt[:-4] + "AAAA")
    assert main(["verify", str(bad), "--root", root]) == 1
    assert "SAI   FAIL  Chữ ký đúng với nội dung" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "absent"), "--root", root]) == 2


def test_the_files_are_compared_when_they_are_there(desk: Desk, tmp_path: Path):
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_bytes(b"test")  # its SHA-256 is the one in the entry
    wrong.write_bytes(b"tesT")
    assert failures(desk.receipt, Trust(desk.trust.root, files=(right,))) == []
    assert failures(desk.receipt, Trust(desk.trust.root, files=(right, wrong))) == [
        "The files are those of the receipt"
    ]


def test_a_revoked_key_vouches_only_for_what_was_before(desk: Desk):
    leaf = x509.load_der_x509_certificate(ReceiptKeys(desk.pki / "notify").signing().chain[0])
    now = datetime.now(UTC).replace(microsecond=0)
    for revoked_at, expected in (
        (now - timedelta(hours=1), ["The certificate is not revoked"]),
        (now + timedelta(hours=1), []),
    ):
        crl = _crl(load(desk.pki, "issuing"), leaf, revoked_at)
        assert failures(desk.receipt, Trust(desk.trust.root, crl)) == expected


def _crl(
    authority: Authority, leaf: x509.Certificate, at: datetime
) -> x509.CertificateRevocationList:
    entry = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(at)
        .next_update(at + timedelta(days=1))
        .add_revoked_certificate(entry.revocation_date(at).build())
    )
    return builder.sign(authority.key, hashes.SHA256())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
