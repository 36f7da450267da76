"""Registers certificates: `registry.json` of the PKI folder says which belongs to which agency."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from services.signing import entrust, relist
from services.signing.certificate import Registration
from services.signing.keys import AUTHORITIES, ISSUING, Authorities
from services.signing.publish import keep_file, keep_lists
from services.signing.store import certificates, fetches, lists, trust
from services.signing.trustlist import Entries, in_force
from shared import agencies
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.restored import Recovery

_log = structlog.get_logger()


class Register:
    """Follows the register's file, the trust list and the directory; nothing is taken out."""

    def __init__(self, db: Database, authorities: Authorities, recovery: Recovery) -> None:
        """Read nothing yet."""
        self._db, self._authorities, self._recovery = db, authorities, recovery
        self._read_at: tuple[int, int] | None = None
        self._strange: list[str] = []
        self._laid = 0
        self._altered = False

    async def check(self) -> str | None:
        """Say what is missing before signing can judge, for `/health/ready`."""
        if self._read_at is None:
            return "the register of certificates has not been read"
        if self._altered:
            return "the trust list is not the one that was decided: compare pki/trust-changes.jws"
        if self._strange:
            return f"the trust list has other certificates of {', '.join(self._strange)}"
        try:
            late = await self._db.as_worker(_may_be_bound)
        except Unavailable as error:
            return error.en
        return f"{late} agencies' certificates are still to be bound to them" if late else None

    async def tend(self) -> bool:
        """Take over what is new: certificates, agencies' ids, revocation lists."""
        await self._db.as_worker(lambda conn: entrust.begin(conn, self._authorities))
        version = (await self._db.look(lists.changes))["trust"]
        path = self._authorities.folder / "registry.json"
        seen = (path.stat().st_mtime_ns if path.exists() else 0, version)
        if seen != self._read_at:
            await self._read(path)
            self._read_at = seen
        await self._db.as_worker(bind)
        if await self._recovery.over():  # else numbers of lists would be given again
            await keep_lists(self._db, self._authorities)
            await keep_file(self._db, self._authorities)
            if version > self._laid:
                await self._lay()
                self._laid = version
        return False

    async def _lay(self) -> None:
        """Lay the trust list's changes beside the database, unless it has others than lie there."""
        try:
            await relist.lay(self._db, self._authorities)
        except relist.Altered:
            self._altered = True
            _log.error("the trust list is not the one that was decided")

    async def _read(self, path: Path) -> None:
        listed = (await self._db.look(trust.current)).entries
        rows = await asyncio.to_thread(_read, path, listed)

        async def step(conn: Connection) -> int:
            new = await certificates.insert(conn, rows)
            if new:  # what their authorities' lists say of them was not looked for yet
                await fetches.apply_anew(conn, {row.issuer for row in rows} - {ISSUING})
            return new

        new = await self._db.as_worker(step)
        _log.info("certificates registered", new=new, known=len(rows) - new)
        own = self._authorities
        self._strange = [name for name in AUTHORITIES if listed[name].der != own.der(name)]
        if self._strange:
            _log.error("the PKI folder is not of the trust list", authorities=self._strange)


async def bind(conn: Connection) -> None:
    """Bind certificates to the agencies that their codes name, as the directory learns of them."""
    codes = await certificates.unbound_codes(conn)
    for code, agency in (await agencies.find(conn, codes)).items():
        await certificates.bind(conn, code=code, agency=agency.id)


async def _may_be_bound(conn: Connection) -> int:
    return len(await agencies.find(conn, await certificates.unbound_codes(conn)))


def _read(path: Path, listed: Entries) -> list[Registration]:
    """Return the rows of the register, and those of the authorities themselves."""
    trusted = {
        name: x509.load_der_x509_certificate(one.der) for name, one in in_force(listed).items()
    }
    rows = [
        # The root issued itself and the issuing CA.
        Registration.of(trusted[name], kind="authority", issuer="root")
        for name in AUTHORITIES
        if name in trusted
    ]
    for row in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
        certificate = x509.load_pem_x509_certificate(row["pem"].encode())
        issuer = _issuer(certificate, trusted)
        if issuer is None:
            _log.warning("registered, and of no listed authority", agency=row["agency"])
            continue
        rows.append(
            Registration.of(
                certificate,
                kind=row["kind"],
                issuer=issuer,
                agency_code=row["agency"],
                person=row["person"],
            )
        )
    return rows


def _issuer(certificate: x509.Certificate, trusted: Mapping[str, x509.Certificate]) -> str | None:
    for name, authority in trusted.items():
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return name
    return None
