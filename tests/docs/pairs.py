"""Docs beside a running notify: what one of them lacks, the other one holds."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from services.docs.reconcile import Comparison
from services.docs.store import mailboxes
from shared import agencies
from shared.events import ClientChanged
from shared.events.topics import Service
from shared.internal import Internal
from tests.docs.exchange import Exchange
from tests.fixtures.database import settings_of
from tests.fixtures.stack import Backing, Databases
from tests.notify.issuer import INTERNAL_AUDIENCE
from tests.notify.running import Running


class Admitted(Internal):
    """Docs' way into the other services, with a token of the test's issuer."""

    token = ""

    async def _token(self, service: Service) -> str:
        assert service == "notify"
        return self.token


@dataclass(frozen=True, slots=True)
class Pair:
    """A docs database and a running notify."""

    exchange: Exchange
    notify: Running
    comparison: Comparison

    async def arrive(self, *codes: str) -> None:
        """Let the entries of these agencies reach notify."""
        for code in codes:
            await self.notify.deliver(*await self.exchange.mailbox(code))

    async def differing(self) -> int:
        """Return in how many lanes the heads were seen to differ."""
        return await self.exchange.db.as_worker(mailboxes.differing)


@asynccontextmanager
async def paired(
    exchange: Exchange, databases: Databases, notify: Running, backing: Backing
) -> AsyncGenerator[Pair]:
    """Let a docs database compare itself with a running notify."""
    client = ClientChanged(
        client_id="service-docs",
        state="active",
        agencies=(),
        scopes=("internal",),
        not_before=datetime(2025, 1, 1, tzinfo=UTC),
        version=1,
    )
    await notify.db.as_worker(partial(agencies.apply_client, event=client))
    settings = settings_of(databases, "docs", backing)
    address = str(notify.client.base_url)
    async with Admitted.open(settings, {"notify": address}) as internal:
        assert isinstance(internal, Admitted)
        internal.token = notify.issuer.token(
            "service-docs", [], scope="internal", audience=INTERNAL_AUDIENCE
        )
        yield Pair(exchange, notify, Comparison(exchange.db, internal))


async def cleared(exchange: Exchange, *codes: str) -> Any:  # noqa: ANN401
    """Send to these agencies and clear."""
    sent = await exchange.send(*codes)
    await exchange.judge(sent)
    await exchange.clear()
    return sent
