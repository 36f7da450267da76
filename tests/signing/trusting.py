"""Signing with the authority of somebody else: listed by two, its data fetched from a site."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from cryptography import x509

from infra.pki.authority import Authority, Use
from services.signing import entrust, fetch, heed
from services.signing.bench import Bench
from services.signing.entrust import Wanted
from services.signing.hosts import Hosts
from services.signing.pipe import CertificateFacts, Reading
from services.signing.store import fetches
from services.signing.store.fetches import Freshness
from services.signing.store.trust import Proposal
from services.signing.trustlist import AddAuthority, AnyChange
from tests.fixtures.papers import Papers, Sheet
from tests.signing.desk import Desk
from tests.signing.elsewhere import Site, der, make_ca, open_site, pem

ASKS, DECIDES = "registrar-a", "registrar-b"


@dataclass(frozen=True, slots=True)
class Trusting:
    """A desk, a bench that reads for it, and an authority elsewhere."""

    desk: Desk
    bench: Bench
    site: Site
    ca: Authority
    hosts: Hosts = field(default_factory=Hosts)
    """Of the process that fetches."""

    def adding(self, name: str = "other", **other: Any) -> AddAuthority:  # noqa: ANN401 (fields)
        """Return the change that adds the authority; its list lies at `/crl`."""
        given = {
            "action": "add",
            "name": name,
            "certificate": pem(self.ca),
            "anchor": True,
            "trusted_from": datetime.now(UTC) - timedelta(days=20),
            "purposes": ["leader", "seal"],
            "crl": [self.site.url("/crl")],
            "private_addresses": True,
            **other,
        }
        return AddAuthority.model_validate(given)

    async def agree(self, change: AnyChange) -> Proposal:
        """Have one client propose a change and another one approve it."""
        facts = None
        if isinstance(change, AddAuthority):
            found = await self.bench.read(Reading("certificate", der(self.ca)))
            facts = cast("CertificateFacts", found)
        wanted = Wanted(change, "vì", facts, ASKS)
        db, own = self.desk.db, self.desk.authorities
        made = await db.as_worker(lambda conn: entrust.propose(conn, wanted))
        return await db.as_worker(lambda conn: entrust.approve(conn, own, made.id, by=DECIDES))

    async def work(self) -> None:
        """Do what the fetching tasks do, one thing after another, until nothing is due."""
        while await heed.heed(self.bench) or await self.fetch():
            pass

    async def fetch(self) -> bool:
        """Fetch one thing that is due; False: none is."""
        return await fetch.fetch(self.bench, self.hosts)

    async def again(self) -> None:
        """Have everything fetched once more, whatever the time."""
        await self.desk.execute("update authorities set due_at = now() where due_at is not null")
        await self.desk.execute("update answers set due_at = now()")
        await self.work()

    async def freshness(self, name: str = "other") -> Freshness:
        """Return how fresh an authority's list is."""
        every = await self.desk.db.as_worker(fetches.freshness)
        return next(one for one in every if one.name == name)

    def paper(self) -> tuple[Sheet, list[int]]:
        """Return a letter that is signed under the authority, and its signers' serial numbers."""
        papers: Papers = self.desk.papers
        office = self.site.office(self.ca, papers.office.folder)
        signers = [papers.issued(use, office=office) for use in (Use.LEADER, Use.SEAL)]
        certificates = [one.signing_cert for one in signers if one.signing_cert]
        serials = [
            x509.load_der_x509_certificate(cast("bytes", one.dump())).serial_number
            for one in certificates
        ]
        return Sheet(papers.signed(*signers)), serials


@asynccontextmanager
async def open_trusting(desk: Desk) -> AsyncGenerator[Trusting]:
    """Open a bench and a site over a desk for the length of a `with`."""
    async with AsyncExitStack() as opened:
        site = await opened.enter_async_context(open_site())
        yield Trusting(desk, desk.bench, site, make_ca("CA gốc khác"))
