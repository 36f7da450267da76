"""A stack of the bench's own for each network: empty at the beginning, its keys and papers kept."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from infra.bench import stock
from infra.bench.cases import Network, Size
from infra.bench.ears import Arrivals
from infra.bench.floors import Floor, all_floors, verification
from infra.bench.load import Loader
from infra.bench.measure import Bench
from infra.bench.papers import made, paths
from infra.bench.plan import directory, plan_of
from infra.client import TIMES, Client, accesses, ports
from infra.stack.folder import TREE, Folder

_KEPT = frozenset({"pki", "papers"})
_PATIENCE = 30.0


class NoStack(Exception):  # noqa: N818
    """A stack could not be started; its own words say why."""


def folder_for(run: Path, network: Network) -> Path:
    """Return where the stack of a network lies."""
    return run / "bench" / network.seed.replace(":", "-")


def up(folder: Path, seed: str) -> None:
    """Start a network's stack with nothing in it. Raises NoStack."""
    if folder.exists():
        down(folder)
        for path in folder.iterdir():
            if path.name not in _KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    if _command(folder, "up", SEED=seed):
        raise NoStack(f"the stack of {seed} does not start; see {folder / 'log'}")


def down(folder: Path) -> None:
    """End a stack."""
    _command(folder, "down")


async def store(run: Path, count: int, say: Callable[[str], None]) -> None:
    """Store so many documents beforehand, while the services that own them are held down."""
    port = int(str(ports(run)["postgres"]).rpartition(":")[2])
    for service in stock.SERVICES:
        await asyncio.to_thread(_command, run, "kill", service, HOLD="1")
    try:
        await stock.fill(Folder(run), port, count, say)
    finally:
        for service in stock.SERVICES:
            if await asyncio.to_thread(_command, run, "start", service):
                raise NoStack(f"{service} does not start again; see {run / 'log'}")


def _command(folder: Path, *words: str, **env: str) -> int:
    command = [sys.executable, "-m", "infra.stack", *words]
    given = {**os.environ, **env, "LIENTHONG_RUN": str(folder)}
    return subprocess.run(command, cwd=TREE, env=given, check=False).returncode


@asynccontextmanager
async def opened(
    run: Path, *, each: dict[Size, int], say: Callable[[str], None]
) -> AsyncGenerator[Bench]:
    """Prepare papers and tokens on a running stack, and open it for measuring."""
    known, gateway = accesses(run), str(ports(run)["gateway"])
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=TIMES) as session:
        clients = {
            name: Client(session, gateway, access, patience=_PATIENCE)
            for name, access in known.items()
        }
        plan = plan_of(run, await directory(clients["registrar"]))
        clients = {name: clients[name] for name in plan.clients()}
        say(f"{plan.agencies} agencies; tokens for {len(clients)} systems")
        bound = asyncio.Semaphore(8)

        async def warm(client: Client) -> None:
            async with bound:
                await client.token()

        async with asyncio.TaskGroup() as group:
            for client in clients.values():
                group.create_task(warm(client))
        papers = made(run, list(plan.senders.values()), each=each, say=say)
        loader = Loader(clients, plan, papers)
        yield Bench(run, session, clients, plan, loader, Arrivals(clients), say)


async def floors(bench: Bench, seconds: float, say: Callable[[str], None]) -> list[Floor]:
    """Measure the floors beside an idle stack."""
    client = next(iter(bench.clients.values()))
    lists = {
        name: (await client.ask("GET", f"/pki/{name}/crl")).body for name in ("root", "issuing")
    }
    issuing = (await client.ask("GET", "/pki/issuing/ca.crt")).body
    root = (await client.ask("GET", "/pki/root/ca.crt")).body

    def verify() -> Floor:
        return verification(
            paths(bench.run, "100k"), root=root, issuing=issuing, lists=lists, seconds=seconds
        )

    return await all_floors(
        Folder(bench.run), dict(ports(bench.run)), verify=verify, seconds=seconds, say=say
    )
