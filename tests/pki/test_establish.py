"""Set-up of the development PKI: complete, idempotent, and sound after a death in the middle."""

import csv
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from infra.pki import registrar, registry
from infra.pki.__main__ import main
from infra.pki.authority import Use
from infra.pki.establish import PASSWORD, establish

COLUMNS = ("code", "name", "level", "state")
AGENCIES = (
    ("G22", "Văn phòng Chính phủ", "central", "active"),
    ("H14", "Ủy ban nhân dân tỉnh Cao Bằng", "province", "active"),
    ("H14.01.01", "Ủy ban nhân dân phường Sông Hiến", "commune", "active"),
    ("H14.01.02", "Ủy ban nhân dân phường Sông Bằng", "commune", "active"),
    ("H22.09.01", "Ủy ban nhân dân xã Lũng Cú", "commune", "active"),
    ("H14.99", "Ủy ban nhân dân huyện Thông Nông", "district", "closed"),
)


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    path = tmp_path / "seed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for code, name, level, state in AGENCIES:
            writer.writerow({"code": code, "name": name, "level": level, "state": state})
    return path


def test_everything_that_a_stack_needs_is_made(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    pki = tmp_path / "pki"
    for name in ("root.pem", "root.crl", "issuing.pem", "issuing.key.pem", "operator.secret"):
        assert (pki / name).exists()
    for code in ("G22", "H14", "H14.01.01", "H14.01.02", "H22.09.01"):
        for use in ("leader", "seal"):
            key, certificate, chain = pkcs12.load_key_and_certificates(
                (pki / f"{code}.{use}.p12").read_bytes(), PASSWORD
            )
            assert certificate is not None
            assert isinstance(
                key, rsa.RSAPrivateKey if code == "G22" else ec.EllipticCurvePrivateKey
            )
            certificate.verify_directly_issued_by(chain[0])
    assert not (pki / "H14.99.leader.p12").exists()
    issuing = x509.load_pem_x509_certificate((pki / "issuing.pem").read_bytes())
    issuing.verify_directly_issued_by(
        x509.load_pem_x509_certificate((pki / "root.pem").read_bytes())
    )


def test_the_communes_of_one_province_share_a_hub(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    clients = {
        row["client_id"]: row
        for row in json.loads((tmp_path / "pki" / "gateway-clients.json").read_text())
    }
    assert clients["hub-h14-communes"]["agencies"] == ["H14.01.01", "H14.01.02"]
    assert clients["sys-h22-09-01"]["agencies"] == ["H22.09.01"]
    assert "sys-h14-01-01" not in clients
    assert clients["service-docs"]["scopes"] == ["internal"]
    outside = json.loads((tmp_path / "clients.json").read_text())
    assert all("d" not in key for row in clients.values() for key in row["jwks"]["keys"])
    assert not any(row["client_id"].startswith("service-") for row in outside)
    for row in outside:
        assert load_pem_private_key(Path(row["private_key"]).read_bytes(), None)


def test_private_files_are_readable_by_their_owner_only(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    pki = tmp_path / "pki"
    secret = [
        *pki.glob("*.p12"),
        *pki.glob("*.key.pem"),
        *pki.glob("clients/*.pem"),
        *pki.glob("gateway/*.pem"),
        *pki.glob("notify/*.pem"),
        pki / "operator.secret",
    ]
    assert len(secret) > 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700


def test_a_second_set_up_changes_nothing(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert establish(tmp_path, seed) == 0
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_set_up_that_died_in_the_middle_is_completed(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    pki = tmp_path / "pki"
    rows = registry.read(pki)
    registry.save(pki, rows[:3])
    (pki / "H14.leader.p12").unlink()
    (pki / "issuing.key.pem").chmod(0o600)
    establish(tmp_path, seed)
    registered = {row.sha256: row for row in registry.read(pki)}
    for path in pki.glob("*.p12"):
        _, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)
        assert certificate is not None
        digest = registry.entry(certificate, use=Use.SEAL, agency=None).sha256
        code, use, _ = path.name.rsplit(".", 2)
        assert (registered[digest].agency, registered[digest].kind) == (code, use)


def test_a_new_certificate_is_registered_beside_the_old_one(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    holder = registrar.Holder("H14", Use.SEAL)
    old = registrar.digest_of(tmp_path, holder)
    row = registrar.reissue(tmp_path, holder)
    assert registrar.digest_of(tmp_path, holder) == row.sha256 != old
    rows = {one.sha256: one for one in registry.read(tmp_path / "pki")}
    assert (rows[row.sha256].agency, rows[row.sha256].kind) == ("H14", "seal")
    assert rows[old].agency == "H14"
    assert (tmp_path / "pki" / f"H14.seal.{old[:16]}.p12").exists()
    assert establish(tmp_path, seed) == 0


def test_a_rotated_protocol_key_stands_beside_the_old_one(tmp_path: Path, seed: Path) -> None:
    establish(tmp_path, seed)
    row = registrar.rotate(tmp_path, "notify")
    names = {path.stem for path in (tmp_path / "pki" / "notify").glob("*.pem")}
    assert len(names) == 2
    assert row.sha256[:32] in names
    assert establish(tmp_path, seed) == 0


def test_a_certificate_is_issued_for_a_period_from_now(
    tmp_path: Path, seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    establish(tmp_path, seed)
    words = ["pki", "issue", "H14", "leader", "--hours", "-48", "-2", "--run", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    main()
    bundle = (tmp_path / "pki" / "H14.leader.p12").read_bytes()
    _, certificate, _ = pkcs12.load_key_and_certificates(bundle, PASSWORD)
    assert certificate is not None
    ended = datetime.now(UTC) - certificate.not_valid_after_utc
    assert timedelta(hours=2) <= ended < timedelta(hours=2, minutes=1)
    period = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert period == timedelta(hours=46)
