"""A load on the running stack, a backup made beside it, and how a service is set back."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from infra.audit.finding import Finding
from infra.audit.site import opened
from infra.audit.walk import walk
from infra.bench.plan import directory
from infra.client import Client, connect
from infra.postgres.provision import Connection, admin
from infra.postgres.swap import database_of
from infra.stack.folder import TREE
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.restore.load import Load, chosen, gauges

_QUIET = frozenset(
    {
        "lienthong_outbox_pending",
        "lienthong_consumer_lag",
        "lienthong_examinations_pending",
        "lienthong_dispatches_waiting",
        "lienthong_lanes_behind",
        "lienthong_lanes_stopped",
        "lienthong_events_unnumbered",
        "lienthong_parked",
        "lienthong_heads_differ",
        "lienthong_recovering",
    }
)


@dataclass(frozen=True, slots=True)
class Site:
    """The stack with its load."""

    stack: Stack
    systems: Mapping[str, Client]
    load: Load
    before: frozenset[str]
    """Where an audit found something before the load: what other tests have planted."""

    async def command(self, *words: str) -> str:
        """Run a command of `infra.restore` and return what it has printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "infra.restore", *words],
            check=False,
            cwd=TREE,
            env={**os.environ, "LIENTHONG_RUN": str(self.stack.folder.path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    async def restore(self, service: str, to: str) -> str:
        """Set a service back; return the last line."""
        told = await self.command("restore", "--service", service, "--to", to)
        return told.splitlines()[-1]

    async def further(self, documents: int) -> None:
        """Return when so many more documents were accepted."""
        goal = len(self.load.accepted) + documents
        await eventually(lambda: len(self.load.accepted) >= goal, "documents", timeout=240)

    async def findings(self) -> list[Finding]:
        """Audit the stack; return what was not there before the load."""
        found = await audited(self.stack)
        return [one for one in found if one.where not in self.before]

    async def quiet(self) -> None:
        """Return when nothing is under way any more; names what still is."""
        calm = 0

        async def calmed() -> bool:
            nonlocal calm
            noise = await self._noise()
            calm = 0 if noise else calm + 1
            last[:] = noise
            return calm > 3

        last: list[str] = []
        try:
            await eventually(calmed, "quiet", timeout=300, pause=0.3)
        except AssertionError as error:
            raise AssertionError(f"not quiet: {last}") from error

    async def _noise(self) -> list[str]:
        private: Any = self.stack.ports["metrics"]
        found: list[str] = []
        async with aiohttp.ClientSession() as session:
            for service, addresses in private.items():
                for address in addresses:
                    async with session.get(f"{address}/metrics") as answer:
                        values = gauges(await answer.text())
                    found += [f"{service} {name}" for name in _QUIET if values.get(name)]
        return found

    async def database(self, service: str) -> Connection:
        """Connect to a service's database."""
        port = str(self.stack.ports["postgres"])
        return await admin(port, self.stack.folder.secret, database_of(service))


async def audited(stack: Stack) -> list[Finding]:
    """Hold all services' records and files against each other, as they are now."""
    async with opened(stack.folder) as ground:
        books = await walk(ground, lambda _text: None)
    return books.findings


@pytest.fixture(scope="session")
async def site(stack: Stack) -> AsyncIterator[Site]:
    """The stack with a backup that is older than all of the load."""
    run = stack.folder.path
    async with connect(run, patience=240) as systems:
        found = await directory(systems["registrar"])
        load = await asyncio.to_thread(chosen, run, systems, found)
        before = frozenset(one.where for one in await audited(stack))
        made = Site(stack, systems, load, before)
        assert "BACKUP name=" in await made.command("backup")
        yield made
