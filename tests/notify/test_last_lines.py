"""Whatever line of a request is the last of its process: repeating it gives one effect."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import pytest

from infra.stack.folder import TREE
from shared.db import Connection
from tests.conftest import FreshDatabase
from tests.fixtures.stack import Databases
from tests.notify.chains import Mailbox, digests
from tests.notify.running import Running, run_notify

_SCRIPT = Path(__file__).with_name("http_process.py")
CODE = "H14.03.05"


@dataclass(frozen=True, slots=True)
class Pair:
    """A notify that stays alive, and how to start one beside it that will not."""

    notify: Running
    databases: Databases
    box: Mailbox

    @asynccontextmanager
    async def dying(self, failpoint: str) -> AsyncGenerator[httpx2.AsyncClient]:
        """Serve the same database by a process that dies at a fail point."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = self._start(listener.fileno(), failpoint)
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            try:
                async with httpx2.AsyncClient(base_url=base, timeout=60) as client:
                    yield client
                assert await asyncio.to_thread(process.wait, 30) == -9
            finally:
                process.kill()
                process.wait()

    def _start(self, fd: int, failpoint: str) -> "subprocess.Popen[bytes]":
        order = {
            "databases": asdict(self.databases),
            "issuer": self.notify.issuer.url,
            "pki": str(self.notify.pki),
            "fd": fd,
        }
        return subprocess.Popen(
            [sys.executable, str(_SCRIPT), json.dumps(order)],
            cwd=TREE,
            env={**os.environ, "PYTHONPATH": str(TREE), "FAILPOINT": failpoint},
            pass_fds=[fd],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def ask(self, client: httpx2.AsyncClient, what: str, body: object) -> httpx2.Response:
        """Send a request about the first delivery."""
        headers = self.notify.headers(CODE) | {"Idempotency-Key": f"{what} once"}
        url = f"/v1/deliveries/{self.box.made[0].delivery_id}/{what}"
        return await client.post(url, json=body, headers=headers)

    async def counts(self) -> tuple[int, int, int, int]:
        """Count receipts, statuses, outbox rows, and the events of agencies' logs."""

        async def read(conn: Connection) -> tuple[int, int, int, int]:
            row = await conn.fetchrow(
                "select (select count(1) from receipts), (select count(1) from statuses),"
                " (select count(1) from outbox), (select count(1) from events"
                " where type <> 'delivery.arrived') + (select count(1) from events_unnumbered"
                " where type <> 'delivery.arrived')"
            )
            assert row is not None
            return row[0], row[1], row[2], row[3]

        return await self.notify.db.as_worker(read)


@pytest.fixture
async def pair(fresh_database: FreshDatabase, tmp_path: Path) -> AsyncGenerator[Pair]:
    """A notify with one entry in one mailbox."""
    databases = await fresh_database("notify")
    async with run_notify(databases, tmp_path) as notify:
        await notify.agency("G22")
        box = await notify.agency(CODE)
        await notify.deliver(box.clear())
        yield Pair(notify, databases, box)


@pytest.mark.parametrize(
    "point", ["notify.acknowledge.receipt_inserted", "notify.acknowledge.before_commit"]
)
async def test_an_acknowledgement_that_died_is_made_once(pair: Pair, point: str):
    body = {"digests": digests(pair.box.made[0])}
    async with pair.dying(point) as client:
        with pytest.raises(httpx2.TransportError):
            await pair.ask(client, "acknowledgement", body)
    assert await pair.counts() == (0, 0, 0, 0)
    answers = [await pair.ask(pair.notify.client, "acknowledgement", body) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert await pair.counts() == (1, 0, 1, 1)


@pytest.mark.parametrize("point", ["notify.status.inserted", "notify.status.before_commit"])
async def test_a_status_that_died_is_reported_once(pair: Pair, point: str):
    await pair.ask(pair.notify.client, "acknowledgement", {"digests": digests(pair.box.made[0])})
    async with pair.dying(point) as client:
        with pytest.raises(httpx2.TransportError):
            await pair.ask(client, "statuses", {"code": "03"})
    assert await pair.counts() == (1, 0, 1, 1)
    answers = [await pair.ask(pair.notify.client, "statuses", {"code": "03"}) for _ in range(2)]
    assert [(one.status_code, one.json()["step"]) for one in answers] == [(201, 1)] * 2
    assert await pair.counts() == (1, 1, 2, 3)
