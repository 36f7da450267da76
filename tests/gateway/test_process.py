"""The gateway as its own process: bounded memory for large files, readiness, and its end."""

import asyncio
import contextlib
import os
import re
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from infra.pki.authority import key_pem, new_key
from shared.internal import ASSERTION, assertion
from tests.conftest import FreshDatabase
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import TREE, Databases
from tests.gateway.door import Behind, behind, make_token_key, write_clients
from tests.gateway.test_forward import FILE

LARGE = 200
"""MiB of the file."""
ALLOWED_KIB = 32 << 10
MIB = bytes(1 << 20)


@dataclass(slots=True)
class Process:
    running: asyncio.subprocess.Process
    client: httpx2.AsyncClient
    private: httpx2.AsyncClient
    behind: Behind
    keys: dict[str, ec.EllipticCurvePrivateKey]
    url: str
    database: str

    def rss_kib(self) -> int:
        status = Path(f"/proc/{self.running.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) if found else 0

    async def healthy(self) -> bool:
        """Say whether only what is not there is missing: docs with its directory, and Kafka."""
        assert self.running.returncode is None
        with contextlib.suppress(httpx2.TransportError):
            faults = (await self.private.get("/health/ready")).json()["faults"]
            return faults.keys() == {"directory", "kafka"}
        return False

    async def headers(self, client_id: str) -> dict[str, str]:
        proof = assertion(
            client_id=client_id, key=self.keys[client_id], audience=f"{self.url}/oauth/token"
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": proof,
        }
        answer = await self.client.post("/oauth/token", data=form)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def environment(
    databases: Databases, folder: Path, url: str, service: str, fds: tuple[int, int]
) -> dict[str, str]:
    values = {
        "INSTANCE": "gateway-1",
        "LISTEN_FD": str(fds[0]),
        "PRIVATE_FD": str(fds[1]),
        "DATABASE_OWNER": databases.owner,
        "DATABASE_APP": databases.app,
        "DATABASE_WORKER": databases.worker,
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "KAFKA_USER": "gateway",
        "KAFKA_PASSWORD": "unused",
        "ISSUER": url,
        "ISSUER_METADATA": f"{url}/.well-known/oauth-authorization-server",
        "CLIENT_KEY": str(folder / "service-gateway.key.pem"),
        "TOKEN_KEYS": str(folder / "keys"),
        "CLIENTS": str(folder / "clients.json"),
        "PUBLIC_URL": url,
        "DOCS_URL": service,
        "SIGNING_URL": service,
        "NOTIFY_URL": service,
    }
    return {**os.environ, **{f"GATEWAY_{name}": value for name, value in values.items()}}


@asynccontextmanager
async def run_process(databases: Databases, folder: Path) -> AsyncGenerator[Process]:
    keys: dict[str, ec.EllipticCurvePrivateKey] = {}
    make_token_key(folder / "keys", "first")
    write_clients(folder / "clients.json", keys)
    (folder / "service-gateway.key.pem").write_bytes(key_pem(new_key()))
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("127.0.0.1", 0)) as private,
    ):
        fds = (listener.fileno(), private.fileno())
        url, inner = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in (listener, private))
        async with (
            behind() as service,
            httpx2.AsyncClient(base_url=url, timeout=60) as client,
            httpx2.AsyncClient(base_url=inner, timeout=10) as asked,
        ):
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.gateway"),
                cwd=TREE,
                env=environment(databases, folder, url, service.url, fds),
                pass_fds=fds,
            )
            process = Process(running, client, asked, service, keys, url, databases.owner)
            try:
                await eventually(process.healthy, "all but the directory", timeout=30)
                yield process
            finally:
                if running.returncode is None:
                    running.kill()
                await running.wait()


@pytest.fixture
async def process(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Process]:
    databases = await fresh_database("gateway")
    async with run_process(databases, tmp_path) as process:
        owner = await asyncpg.connect(databases.owner)
        await owner.execute(
            "insert into known_agencies (id, code, level, state, valid_from, version)"
            " values (gen_random_uuid(), 'H14', 'province', 'active', '2020-01-01', 1)"
        )
        await owner.close()
        yield process


async def upload(process: Process, headers: dict[str, str], mebibytes: int) -> int:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(mebibytes):
            yield MIB

    answer = await process.client.put(FILE, content=chunks(), headers=headers)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["size"])


async def download(process: Process, headers: dict[str, str]) -> int:
    received = 0
    async with process.client.stream("GET", FILE, headers=headers) as answer:
        async for chunk in answer.aiter_bytes():
            received += len(chunk)
    return received


async def large_file(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": str(LARGE << 20)})
    await answer.prepare(request)
    for _ in range(LARGE):
        await answer.write(MIB)
    return answer


async def test_a_file_of_200_mib_passes_both_ways_in_little_memory(process: Process):
    headers = await process.headers("sys-h14")
    await upload(process, headers, 2)  # what a first request loads is not the file's doing
    before = highest = process.rss_kib()

    async def watch(done: asyncio.Event) -> None:
        nonlocal highest
        while not done.is_set():
            highest = max(highest, process.rss_kib())
            await asyncio.sleep(0.02)

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(done))
        assert await upload(process, headers, LARGE) == LARGE << 20
        process.behind.handler = large_file
        assert await download(process, headers) == LARGE << 20
        done.set()
    assert highest - before <= ALLOWED_KIB, f"{(highest - before) >> 10} MiB more than before"


async def test_it_ends_by_itself_when_asked_and_finishes_what_it_has_begun(process: Process):
    headers = await process.headers("sys-h14")
    begun = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        begun.set()
        await asyncio.sleep(1)
        return web.json_response({"size": 7})

    process.behind.handler = slow
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(process.client.get(FILE, headers=headers))
        await begun.wait()
        process.running.terminate()
    assert asked.result().json() == {"size": 7}
    async with asyncio.timeout(10):
        assert await process.running.wait() == 0
    owner = await asyncpg.connect(process.database)
    counted = await owner.fetchval("select requests from traffic where client_id = 'sys-h14'")
    await owner.close()
    assert counted == 1, "what ended while the process was ending is counted, too"
