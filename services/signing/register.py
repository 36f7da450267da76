"""Registers certificates: `registry.json` of the PKI folder says which belongs to which agency."""

import asyncio
import json
from pathlib import Path

import structlog

from services.signing.certificate import Registration
from services.signing.keys import AUTHORITIES, Authorities
from services.signing.publish import keep_file, keep_lists
from services.signing.store import certificates
from shared import agencies
from shared.db import Connection, Database
from shared.errors import Unavailable
from shared.restored import Recovery

_log = structlog.get_logger()


class Register:
    """Follows the register's file and the directory; nothing is ever taken out."""

    def __init__(self, db: Database, authorities: Authorities, recovery: Recovery) -> None:
        """Read nothing yet."""
        self._db, self._authorities, self._recovery = db, authorities, recovery
        self._read_at: int | None = None

    async def check(self) -> str | None:
        """Say what is missing before signing can judge, for `/health/ready`."""
        if self._read_at is None:
            return "the register of certificates has not been read"
        try:
            late = await self._db.as_worker(_may_be_bound)
        except Unavailable as error:
            return error.en
        return f"{late} agencies' certificates are still to be bound to them" if late else None

    async def tend(self) -> bool:
        """Take over what is new: certificates, agencies' ids, revocation lists."""
        path = self._authorities.folder / "registry.json"
        changed_at = path.stat().st_mtime_ns if path.exists() else 0
        if changed_at != self._read_at:
            rows = await asyncio.to_thread(_read, path, self._authorities)
            new = await self._db.as_worker(lambda conn: certificates.insert(conn, rows))
            _log.info("certificates registered", new=new, known=len(rows) - new)
            self._read_at = changed_at
        await self._db.as_worker(bind)
        if await self._recovery.over():  # else numbers of lists would be given again
            await keep_lists(self._db, self._authorities)
            await keep_file(self._db, self._authorities)
        return False


async def bind(conn: Connection) -> None:
    """Bind certificates to the agencies that their codes name, as the directory learns of them."""
    codes = await certificates.unbound_codes(conn)
    for code, agency in (await agencies.find(conn, codes)).items():
        await certificates.bind(conn, code=code, agency=agency.id)


async def _may_be_bound(conn: Connection) -> int:
    return len(await agencies.find(conn, await certificates.unbound_codes(conn)))


def _read(path: Path, authorities: Authorities) -> list[Registration]:
    rows = [
        # The root issued itself and the issuing CA.
        Registration.read(authorities.pem(name), kind="authority", issuer="root")
        for name in AUTHORITIES
    ]
    if path.exists():
        rows.extend(
            Registration.read(
                row["pem"].encode(),
                kind=row["kind"],
                agency_code=row["agency"],
                person=row["person"],
            )
            for row in json.loads(path.read_text(encoding="utf-8"))
        )
    return rows
