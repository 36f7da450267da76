"""A time-stamping unit of somebody else, and annexes whose seals it has stamped."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from infra.pki.authority import Authority
from infra.pki.establish import PASSWORD
from services.signing.store import withdrawals
from services.signing.trustlist import AddAuthority
from shared.db import Connection
from tests.conformance import cms
from tests.conformance.keys import key
from tests.conformance.pki import STAMPER, Holder, issue, named
from tests.conformance.world import next_serial
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import SENDER, Papers, Sheet
from tests.signing.elsewhere import DER, answered, crl
from tests.signing.trusting import Trusting

CONTENT = "Mã,Tên\r\nH14,Cao Bằng\r\n".encode()
BEFORE = timedelta(minutes=30)
"""So long ago stamps were made: after certificates begin, and before anything is revoked."""


def holder(
    certificate: x509.Certificate, own: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> Holder:
    """Return a certificate and its key as those who write CMS by hand take them."""
    der = certificate.public_bytes(DER)
    return Holder(certificate.subject, own, der, certificate.serial_number, certificate.issuer)


def unit_of(ca: Authority) -> Holder:
    """Return a new time-stamping unit of an authority."""
    serial = next_serial()
    own = key("p256", f"unit/{serial}")
    return issue(
        named("Dau thoi gian"), own, holder(ca.certificate, ca.key), STAMPER, serial=serial
    )


def seal_of(papers: Papers) -> Holder:
    """Return the sender's seal."""
    path = papers.office.folder / f"{SENDER}.seal.p12"
    own, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)
    assert isinstance(own, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    assert certificate
    return holder(certificate, own)


@dataclass(frozen=True, slots=True)
class Row:
    """What signing's register has of a unit."""

    kind: str
    issuer: str
    state: str
    retired: bool
    owned: bool


@dataclass(frozen=True, slots=True)
class Stamping:
    """A listed authority of time stamps, and its unit."""

    own: Trusting
    unit: Holder

    async def list_it(self) -> None:
        """List the authority, with a revocation list that names nobody."""
        self.own.site.serve("/crl", crl(self.own.ca, number=1))
        await self.own.agree(self.adding())
        await self.own.work()

    def adding(self) -> AddAuthority:
        """Return the change that lists the authority, whose list lies at `/crl`."""
        return self.own.adding(purposes=["timestamp"])

    def adding_asked(self) -> AddAuthority:
        """Return the change that lists it as one that has no list, and answers at `/ocsp`."""
        address = self.own.site.url("/ocsp")
        return self.own.adding(purposes=["timestamp"], crl=[], ocsp=[address])

    def annex(self) -> Sheet:
        """Return an annex whose seal the unit has stamped a while ago."""
        plan = cms.StampPlan(at=datetime.now(UTC).replace(microsecond=0) - BEFORE)
        recipe = cms.Recipe(unsigned=cms.stamped((self.unit, plan)))
        signature = cms.signature(CONTENT, seal_of(self.own.desk.papers), recipe)
        return Sheet(CONTENT, "ANNEX", signature)

    async def revoke(self, reason: x509.ReasonFlags | None, *, number: int = 2) -> None:
        """Have the authority revoke the unit, and that be heeded and followed to its end."""
        self.own.site.serve(
            "/crl", crl(self.own.ca, self.unit.serial, number=number, reason=reason)
        )
        await self.own.again()
        row = await self.row()
        assert row
        assert row.state == "revoked"
        await self.settled()

    async def settled(self) -> None:
        """Wait until all that is to be withdrawn is withdrawn."""

        async def none_left() -> bool:
            return not await self.own.desk.db.look(withdrawals.waiting)

        await eventually(none_left, "all that is to be withdrawn is withdrawn", timeout=20)

    async def stands(self, dispatch: UUID) -> bool:
        """Say whether a good verdict has not been withdrawn."""
        found = await self.own.desk.db.as_worker(lambda conn: withdrawals.known(conn, [dispatch]))
        return not found

    async def row(self) -> Row | None:
        """Return the unit's row, if it has one."""

        async def read(conn: Connection) -> Row | None:
            row = await conn.fetchrow(
                "select kind, issuer, state, retired, agency_id is not null as owned"
                " from certificates where sha256 = $1",
                self.unit.sha256,
            )
            return Row(**dict(row)) if row else None

        return await self.own.desk.db.as_worker(read)

    def answer(self) -> list[int]:
        """Answer questions about the unit at `/ocsp`; returns the serial numbers asked about."""
        asked: list[int] = []
        about = x509.load_der_x509_certificate(self.unit.der)

        async def said(request: web.Request) -> web.Response:
            content = await request.read()
            asked.append(about.serial_number)
            return web.Response(body=answered(self.own.ca, content, about))

        self.own.site.handlers["/ocsp"] = said
        return asked
