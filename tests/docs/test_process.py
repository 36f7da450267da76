"""`python -m services.docs` as its supervisor starts it; Kafka is not there, files are large."""

import asyncio
import contextlib
import hashlib
import os
import re
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

import asyncpg
import httpx2
import pytest

from infra.pki.authority import key_pem, new_key
from infra.stack.folder import TREE
from services.docs.agency import seeded_id
from tests.docs.server import System, announcement
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Databases
from tests.notify.issuer import Issuer, serve_issuer

CHUNK = b"\0" * (1 << 20)
HEAD = b"%PDF-1.7\n" + CHUNK[9:]
LARGE = 200
"""MiB."""
ALLOWED_KIB = 32 << 10


@dataclass(frozen=True, slots=True)
class Process:
    """A running docs with its two addresses."""

    running: asyncio.subprocess.Process
    client: httpx2.AsyncClient
    private: httpx2.AsyncClient
    issuer: Issuer

    def rss_kib(self) -> int:
        """Return how much memory the process holds, in KiB."""
        status = Path(f"/proc/{self.running.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) if found else 0

    async def ready(self) -> bool:
        """Say whether it calls itself ready; it must not have ended."""
        assert self.running.returncode is None
        with contextlib.suppress(httpx2.TransportError):
            return (await self.private.get("/health/ready")).status_code == 200
        return False


def _environment(
    databases: Databases, issuer: Issuer, folder: Path, fds: tuple[int, int]
) -> dict[str, str]:
    values = {
        "INSTANCE": "docs-1",
        "LISTEN_FD": str(fds[0]),
        "PRIVATE_FD": str(fds[1]),
        "DATABASE_OWNER": databases.owner,
        "DATABASE_APP": databases.app,
        "DATABASE_WORKER": databases.worker,
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "KAFKA_USER": "docs",
        "KAFKA_PASSWORD": "unused",
        "ISSUER": issuer.url,
        "ISSUER_METADATA": issuer.metadata,
        "CLIENT_KEY": str(folder / "service-docs.key.pem"),
        "BLOBS": str(folder / "blobs"),
        "SEED": str(TREE / "infra/seed/articles.csv"),
        "SIGNING_URL": "http://127.0.0.1:1",
        "NOTIFY_URL": "http://127.0.0.1:1",
        "GATEWAY_URL": issuer.url,
    }
    return {**os.environ, **{f"DOCS_{name}": value for name, value in values.items()}}


@asynccontextmanager
async def _started(databases: Databases, folder: Path) -> AsyncGenerator[Process]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as private,
    ):
        fds = (listener.fileno(), private.fileno())
        bases = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (listener, private)]
        async with (
            serve_issuer() as issuer,
            httpx2.AsyncClient(base_url=bases[0], timeout=60) as client,
            httpx2.AsyncClient(base_url=bases[1], timeout=60) as health,
        ):
            key = folder / "service-docs.key.pem"
            key.write_bytes(key_pem(new_key()))
            running = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.docs",
                cwd=TREE,
                env=_environment(databases, issuer, folder, fds),
                pass_fds=fds,
                stdout=DEVNULL,
            )
            try:
                yield Process(running, client, health, issuer)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    running.kill()
                await running.wait()


@pytest.fixture
async def process(databases: Databases, tmp_path: Path) -> AsyncGenerator[Process]:
    """Docs as a process of its own, seeded and ready."""
    async with _started(databases, tmp_path) as process:
        await eventually(process.ready, "docs is ready", timeout=60)
        yield process


@pytest.fixture
async def sender(process: Process, databases: Databases) -> System:
    """A system of the Office of the Government."""
    owner = await asyncpg.connect(databases.owner)
    try:
        await owner.execute(
            """insert into known_clients (client_id, state, agencies, scopes, not_before, version)
            values ('sys-g22', 'active', '{G22}', '{documents.send,directory}', '2025-01-01', 1)"""
        )
    finally:
        await owner.close()
    token = process.issuer.token("sys-g22", ["G22"], scope="documents.send directory")
    return System(process.client, {"Authorization": f"Bearer {token}"})


async def _file(mebibytes: int) -> AsyncIterator[bytes]:
    yield HEAD
    for _ in range(mebibytes - 1):
        yield CHUNK


def _digest(mebibytes: int) -> str:
    digest = hashlib.sha256(HEAD)
    for _ in range(mebibytes - 1):
        digest.update(CHUNK)
    return digest.hexdigest()


async def _upload(sender: System, mebibytes: int) -> str:
    document = await sender.drafted()
    body = announcement(size=mebibytes << 20, sha256=_digest(mebibytes))
    made = await sender.ask("POST", f"{document}/attachments", json=body)
    path = made.json()["upload"]["put"]
    sent = await sender.ask("PUT", path, content=_file(mebibytes))
    assert sent.status_code == 204, sent.text
    return path


async def test_a_file_of_200_mib_passes_in_little_memory(process: Process, sender: System):
    await _upload(sender, 2)  # what a first request loads is not the file's doing
    before = process.rss_kib()
    highest = before

    async def watch(done: asyncio.Event) -> None:
        nonlocal highest
        while not done.is_set():
            highest = max(highest, process.rss_kib())
            await asyncio.sleep(0.02)

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(done))
        path = await _upload(sender, LARGE)
        received = 0
        async with process.client.stream("GET", path, headers=sender.headers) as answer:
            async for chunk in answer.aiter_bytes():
                received += len(chunk)
        done.set()
    assert received == LARGE << 20
    assert highest - before <= ALLOWED_KIB, f"{(highest - before) >> 10} MiB more than before"


async def test_the_seed_is_in_the_directory(process: Process, sender: System):
    assert process.running.returncode is None
    found = await sender.ask("GET", "/v1/agencies/000.05.03.H14")
    assert found.json()["id"] == str(seeded_id("H14.03.05"))
    pending = re.search(
        r"lienthong_outbox_pending (\d+)", (await process.private.get("/metrics")).text
    )
    assert pending is not None
    assert int(pending[1]) == 443, "Kafka is away: every agency waits in the outbox"


async def test_it_ends_by_itself_when_asked(process: Process):
    process.running.terminate()
    async with asyncio.timeout(10):
        assert await process.running.wait() == 0


async def test_it_lists_all_faults_of_its_settings_at_once():
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.docs",
        cwd=TREE,
        env={"PATH": os.environ["PATH"], "DOCS_LISTEN_FD": "x"},
        stdout=DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await running.communicate()
    assert running.returncode == 2
    named = {line.partition(":")[0] for line in errors.decode().splitlines()}
    assert {"DOCS_LISTEN_FD", "DOCS_BLOBS", "DOCS_NOTIFY_URL", "DOCS_DATABASE_APP"} <= named
