"""What a registrar does to a running stack: issue, rotate, revoke, suspend and restore."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from infra.client import connect
from infra.pki import registry
from infra.pki.authority import Period, Use
from infra.pki.establish import (
    PASSWORD,
    issue_protocol_key,
    keep,
    make_subscriber,
    open_office,
    place,
)
from infra.pki.files import locked, write
from infra.pki.registry import Registered
from infra.pki.seed import SeedAgency

_REGISTRAR = "registrar"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose certificate is meant: an agency's leader or seal."""

    code: str
    use: Use

    def bundle(self, run: Path) -> Path:
        """Return where its present certificate and key lie."""
        return place(run / "pki", self.code, self.use)


def reissue(run: Path, holder: Holder, *, period: Period | None = None) -> Registered:
    """Issue a new certificate to a holder and register it; the old bundle gets a name by digest.

    The old certificate stays valid: revoke it if it must not be used any more.
    """
    path = holder.bundle(run)
    old = _certificate(path)
    agency = SeedAgency(code=holder.code, name=_organisation(old), level="")
    office = open_office(run)
    with locked(office.folder):
        row, content = make_subscriber(office, agency, holder.use, period=period)
        # Registered before anybody can sign with it, so that a death in between does no harm.
        registry.save(office.folder, [*registry.read(office.folder), row])
        write(
            path.with_name(f"{path.stem}.{_digest(old)[:16]}.p12"), path.read_bytes(), secret=True
        )
        keep(office.folder, row, content)
        write(path, content, secret=True)
    return row


def expired() -> Period:
    """Return a period that ended yesterday."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return Period(now - dt.timedelta(days=365), now - dt.timedelta(days=1))


def period_of(begins: float, ends: float) -> Period:
    """Return a period that begins and ends so many hours from now."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return Period(now + dt.timedelta(hours=begins), now + dt.timedelta(hours=ends))


def rotate(run: Path, service: str) -> Registered:
    """Give gateway or notify one more protocol key; the service signs with the newest."""
    office = open_office(run)
    with locked(office.folder):
        row = issue_protocol_key(office, service)
        registry.save(office.folder, [*registry.read(office.folder), row])
    return row


async def change(run: Path, sha256: str, reason: str) -> Any:  # noqa: ANN401 (JSON)
    """Revoke, suspend or restore a certificate through signing's route (RFC 5280 reasons)."""
    async with connect(run) as clients:
        path = f"/v1/certificates/{sha256}/revocations"
        answer = await clients[_REGISTRAR].ask("POST", path, body={"reason": reason})
        return answer.json()


def digest_of(run: Path, holder: Holder) -> str:
    """Return the SHA-256 of a holder's present certificate."""
    return _digest(_certificate(holder.bundle(run)))


def _certificate(path: Path) -> x509.Certificate:
    _, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)
    if certificate is None:
        raise ValueError(f"{path.name} holds no certificate")
    return certificate


def _digest(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def _organisation(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
