"""Registers certificates: `registry.json` of the PKI folder says which belongs to which agency."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import structlog
from pydantic import TypeAdapter, ValidationError

from services.signing import distrust, entrust, relist
from services.signing.bench import Bench, Unfit
from services.signing.certificate import Kind, Registration
from services.signing.entrust import registration
from services.signing.finding import Unit
from services.signing.keys import AUTHORITIES, ISSUING, Authorities
from services.signing.pipe import CertificateFacts, CertificatesFacts, ListFacts, Reading
from services.signing.publish import keep_own, take_root
from services.signing.store import certificates, fetches, lists, standing, trust
from services.signing.store.standing import Distrusted
from services.signing.trustlist import in_force
from services.signing.validation.material import digest
from shared import agencies
from shared.db import Connection
from shared.errors import Unavailable
from shared.restored import Recovery

AT_ONCE = 200
"""So many certificates are read by one look of a worker."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Row:
    """A certificate and whom it is for."""

    agency: str | None
    kind: Kind
    person: str | None
    der: bytes

    @property
    def sha256(self) -> str:
        """Return the certificate's digest."""
        return digest(self.der)


@dataclass(frozen=True, slots=True)
class _Written:
    """A row of `registry.json`."""

    agency: str | None
    kind: Literal["leader", "seal", "protocol"]
    person: str | None
    pem: str


_WRITTEN = TypeAdapter(list[_Written])


class Register:
    """Follows the register's file, the trust list and the directory; nothing is taken out."""

    def __init__(self, bench: Bench, authorities: Authorities, recovery: Recovery) -> None:
        """Read nothing yet."""
        self._bench, self._db = bench, bench.db
        self._authorities, self._recovery = authorities, recovery
        self._read_at: tuple[int, int] | None = None
        self._faulty = ""
        self._strange: list[str] = []
        self._laid = ""
        self._kept: tuple[list[Distrusted], tuple[int, int]] | None = None
        self._altered = False
        self._unusable: dict[str, str] = {}
        self._root_read: tuple[tuple[str, bytes], str] | None = None  # list and root; its fault

    async def check(self) -> str | None:
        """Say what is missing before signing can judge, for `/health/ready`."""
        if self._read_at is None:
            return "the register of certificates has not been read"
        unusable = "; ".join(f"pki/{name}: {why}" for name, why in self._unusable.items())
        if self._faulty or unusable:
            return self._faulty or unusable
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
        version = (await self._db.look(lists.changes))["trust"]
        if not version:
            await self._db.as_worker(lambda conn: entrust.begin(conn, self._authorities))
            version = (await self._db.look(lists.changes))["trust"]
        path = self._authorities.folder / "registry.json"
        seen = (path.stat().st_mtime_ns if path.exists() else 0, version)
        if seen != self._read_at:
            await self._db.as_worker(entrust.note_keys)
            await self._read(path)
            if self._read_at is None:
                await self._db.as_worker(fetches.apply_shared_anew)
            self._read_at = seen
        await self._db.as_worker(bind)
        if await self._recovery.over():  # else numbers of lists would be given again
            await self._keep_beside()
        return False

    async def meet(self, units: Sequence[Unit]) -> None:
        """Register the time-stamping units of a file that are not known yet, before its verdict.

        What their authorities say of them is followed from then on, and looked up at once. A
        worker of its own reads them: the one that met the file may have been overcome. Those of
        our own issuing CA are left out: what it revokes is what the register says of them.
        Raises Unavailable.
        """
        rows = [Row(None, "timestamp", None, one.der) for one in units if not one.revoked]
        if rows and (new := await self._db.look(lambda conn: _unknown(conn, rows))):
            await self._take_over(new, what="units")

    async def _keep_beside(self) -> None:
        """Have what lies beside the database there; what cannot be used is told, and ends nothing.

        People mend such a file, or the disk: it is tried again each time.
        """
        keeping: dict[str, Callable[[], Awaitable[None]]] = {
            "issuing.crl": lambda: keep_own(self._db, self._authorities),
            "distrusted.jws": self._keep_distrusted,
            "trust-changes.jws": self._lay,
            "root.crl": self._take_root,  # last: a worker may be wanting
        }
        unusable: dict[str, str] = {}
        try:
            for name, keep in keeping.items():
                try:
                    await keep()
                except (OSError, ValueError) as why:
                    unusable[name] = str(why)
        finally:
            if unusable and unusable != self._unusable:
                _log.error("files beside the database cannot be used", files=unusable)
            self._unusable = unusable

    async def _take_root(self) -> None:
        """Take over a newer list of the root, which its holder puts into the folder.

        It comes from outside: a worker reads it, once while list and root are the same. Raises
        OSError, ValueError for what is no list of the root's, Unavailable.
        """
        der = await asyncio.to_thread(self._authorities.root_list)
        root = in_force((await self._db.look(trust.current)).entries).get("root")
        if der is None or root is None:
            return
        known = digest(der), root.der
        if self._root_read is None or self._root_read[0] != known:
            self._root_read = known, await self._fault_of_root(der)
        if wrong := self._root_read[1]:
            raise ValueError(wrong)

    async def _fault_of_root(self, der: bytes) -> str:
        """Read a list and take it over; return what is wrong with it. Raises Unavailable."""
        reading = Reading("list", der, authority="root")
        try:
            facts = cast("ListFacts", await self._bench.read(reading))
            await self._db.as_worker(lambda conn: take_root(conn, der, facts))
        except (Unfit, ValueError) as why:
            return str(why)
        return ""

    async def _keep_distrusted(self) -> None:
        """Have the same revoked of other authorities beside the database as in it: what either has.

        An instance of the release before, which may serve beside this one, lets a list undo what
        the registrar revoked.
        """
        rows = await self._db.look(standing.distrusted)
        if (rows, distrust.mark(self._authorities)) == self._kept:
            return
        more = await distrust.keep(self._authorities, rows)
        if more:  # or not registered yet
            await self._db.as_worker(lambda conn: distrust.take_back(conn, self._authorities))
        self._kept = rows, distrust.mark(self._authorities)

    async def _lay(self) -> None:
        """Lay the trust list's changes beside the database, unless it has others than lie there.

        Whatever is done to them is noticed: one that was taken out of the database as well.
        """
        mark = await self._db.look(trust.mark)
        if mark == self._laid:
            return
        try:
            await relist.lay(self._db, self._authorities)
            self._altered = False
        except relist.Altered:
            self._altered = True
            _log.error("the trust list is not the one that was decided")
        self._laid = mark

    async def _read(self, path: Path) -> None:
        listed = (await self._db.look(trust.current)).entries
        own = self._authorities
        self._strange = [name for name in AUTHORITIES if listed[name].der != own.der(name)]
        if self._strange:
            _log.error("the PKI folder is not of the trust list", authorities=self._strange)
        own_ones = [one for one in AUTHORITIES if one in in_force(listed)]
        rows = [Row(None, "authority", None, listed[name].der) for name in own_ones]
        self._faulty = ""
        try:
            rows += await asyncio.to_thread(rows_of, path)
        except Unfit as why:
            self._faulty = f"registry.json: {why}"
            _log.error("register not read", cause=str(why))
        new = await self._db.as_worker(lambda conn: _unknown(conn, rows))
        for begin in range(0, len(new), AT_ONCE):
            await self._take_over(new[begin : begin + AT_ONCE])

    async def _take_over(
        self, rows: Sequence[Row], *, what: Literal["certificates", "units"] = "certificates"
    ) -> None:
        """Have a worker read some certificates, and register those of listed authorities."""
        read = await read_all(self._bench, [row.der for row in rows], what=what)
        found = [_registration(row, facts) for row, facts in zip(rows, read, strict=True)]
        good = [one for one in found if one is not None]
        new = await self._db.as_worker(lambda conn: entrust.enter(conn, self._authorities, good))
        _log.info("certificates registered", new=new, left=len(rows) - new)


async def read_all(
    bench: Bench,
    certificates: Sequence[bytes],
    *,
    what: Literal["certificates", "units"] = "certificates",
) -> tuple[CertificateFacts | None, ...]:
    """Have a worker read certificates (DER), some hundred at most; None: it cannot be read.

    Raises Unavailable.
    """
    try:
        read = await bench.read(Reading(what, certificates=tuple(certificates)))
    except Unfit as why:
        raise Unavailable(f"the process that reads certificates ({why})") from None
    if not isinstance(read, CertificatesFacts) or len(read.read) != len(certificates):
        raise Unavailable("the process that reads certificates")
    return read.read


async def bind(conn: Connection) -> None:
    """Bind certificates to the agencies that their codes name, as the directory learns of them."""
    codes = await certificates.unbound_codes(conn)
    for code, agency in (await agencies.find(conn, codes)).items():
        await certificates.bind(conn, code=code, agency=agency.id)


async def _may_be_bound(conn: Connection) -> int:
    return len(await agencies.find(conn, await certificates.unbound_codes(conn)))


def rows_of(path: Path) -> list[Row]:
    """Return the rows of the register's file. Raises Unfit, without what stands in it: names."""
    if not path.exists():
        return []
    try:
        written = _WRITTEN.validate_json(path.read_bytes())
        return [
            Row(one.agency, one.kind, one.person, ssl.PEM_cert_to_DER_cert(one.pem))
            for one in written
        ]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Unfit(f"{list(first['loc'])}: {first['msg']}") from None
    except OSError as error:
        raise Unfit(f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise Unfit("a certificate is not PEM") from None


async def _unknown(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    known = await certificates.known(conn, [row.sha256 for row in rows])
    return [row for row in rows if row.sha256 not in known]


def _registration(row: Row, facts: CertificateFacts | None) -> Registration | None:
    if facts is None:
        _log.warning("registered, and no certificate", agency=row.agency, sha256=row.sha256)
        return None
    issuer = "root" if row.kind == "authority" else facts.issued_by  # it issued itself as well
    if issuer is None or (row.kind == "timestamp" and issuer == ISSUING):
        _log.warning("registered, and of no listed authority", agency=row.agency)
        return None
    return registration(
        row.der, facts, issuer=issuer, kind=row.kind, agency_code=row.agency, person=row.person
    )
