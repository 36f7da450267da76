"""On the whole stack: a revoked system is refused by every service, and what it has open ends."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from infra.client import Access, Client, connect, ports
from infra.pki.authority import key_pem
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.shared.issuing import public_jwk

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PROMISED = 60
"""Seconds from a revocation until nothing of the system works any more."""
SCOPES = ["directory", "documents.send", "documents.receive", "documents.sign"]
NOBODYS = UUID(int=1)
ASKED = {
    "gateway": "/v1/me",
    "docs": "/v1/agencies?limit=1",
    "notify": "/v1/events?limit=1",
    "signing": f"/v1/signatures/{NOBODYS}",
}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A system that was registered for one test, with a token that still holds."""

    client_id: str
    headers: Mapping[str, str]
    urls: Mapping[str, str]
    registrar: Client
    session: aiohttp.ClientSession

    async def status(self, service: str) -> int:
        """Return what a service itself says to the token, past the gateway."""
        url = self.urls[service] + ASKED[service]
        async with self.session.get(url, headers=self.headers) as answer:
            return answer.status

    async def stream(self, service: str, opened: asyncio.Event) -> None:
        """Follow the event stream until it ends."""
        url, patient = self.urls[service] + "/v1/events/stream", aiohttp.ClientTimeout(total=None)
        async with self.session.get(url, headers=self.headers, timeout=patient) as answer:
            assert answer.status == 200
            opened.set()
            async for _ in answer.content.iter_any():
                pass

    async def revoke(self) -> float:
        """Revoke the system and return the moment."""
        await self.registrar.ask("DELETE", f"/v1/clients/{self.client_id}")
        return time.monotonic()


@pytest.fixture
async def newcomer(stack: Stack, tmp_path: Path) -> AsyncIterator[Newcomer]:
    """Register a system; every service has met its token once."""
    run = stack.folder.path
    urls = {name: str(url) for name, url in ports(run).items() if name in ASKED}
    key, client_id = ec.generate_private_key(ec.SECP256R1()), f"newcomer-{uuid4().hex[:8]}"
    (tmp_path / "key.pem").write_bytes(key_pem(key))
    jwks = {"keys": [public_jwk("one", key)]}
    body = {"client_id": client_id, "agencies": ["H14"], "scopes": SCOPES, "jwks": jwks}
    async with connect(run, ["registrar"]) as clients, aiohttp.ClientSession() as session:
        registrar = clients["registrar"]
        await registrar.ask("POST", "/v1/clients", body=body)
        access = Access(
            client_id=client_id,
            agencies=("H14",),
            scope=" ".join(SCOPES),
            private_key=tmp_path / "key.pem",
            token_endpoint=registrar.access.token_endpoint,
        )
        token = await Client(session, urls["gateway"], access, patience=60).token()
        headers = {"Authorization": f"Bearer {token}"}
        made = Newcomer(client_id, headers, urls, registrar, session)

        async def known() -> bool:
            found = [await made.status(service) for service in ASKED]
            return all(status in {200, 404} for status in found)

        await eventually(known, "every service to know the system", timeout=60)
        yield made


async def refusals(newcomer: Newcomer, since: float) -> dict[str, float]:
    """Wait until every service refuses the token; return after how many seconds each did."""
    after: dict[str, float] = {}

    async def refused(service: str) -> None:
        async def is_401() -> bool:
            return await newcomer.status(service) == 401

        await eventually(is_401, f"{service} to refuse the token", timeout=PROMISED)
        after[service] = time.monotonic() - since

    async with asyncio.TaskGroup() as group:
        for service in ASKED:
            group.create_task(refused(service))
    return after


def tell(what: str, after: Mapping[str, float]) -> None:
    """Print the figures of the promise."""
    shown = " ".join(f"{name}={seconds:.1f}" for name, seconds in sorted(after.items()))
    print(f"REVOKED {what} {shown} last_accept_after_revoke_s={max(after.values()):.1f}")  # noqa: T201


async def test_streams_and_tokens_of_a_revoked_system_end_within_60_s(newcomer: Newcomer):
    after: dict[str, float] = {}
    async with asyncio.TaskGroup() as group:
        streams: dict[str, asyncio.Task[None]] = {}
        for service in ("gateway", "notify"):
            opened = asyncio.Event()
            streams[service] = group.create_task(newcomer.stream(service, opened))
            await opened.wait()
        since = await newcomer.revoke()
        tell("tokens", await refusals(newcomer, since))
        async with asyncio.timeout(PROMISED):
            for service, stream in streams.items():
                await stream
                after[service] = time.monotonic() - since
    tell("streams", after)


async def test_services_that_miss_the_news_find_it_by_asking(stack: Stack, newcomer: Newcomer):
    await stack.kill("kafka", hold=True)
    try:
        since = await newcomer.revoke()
        tell("without-kafka", await refusals(newcomer, since))
    finally:
        await stack.start("kafka")


HOSTILE = (b"", b"G", b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: ")


async def test_connections_that_never_ask_end_at_every_service(stack: Stack):
    urls = [str(stack.ports[name]).removeprefix("http://").split(":") for name in ASKED]
    ended: list[float] = []

    async def hang(host: str, port: int, begun: bytes) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        since = time.monotonic()
        writer.write(begun)
        while await reader.read(65_536):
            pass
        ended.append(time.monotonic() - since)
        writer.close()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(300):
            host, port = urls[number % len(urls)]
            group.create_task(hang(host, int(port), HOSTILE[number % 3]))
    print(f"SILENT connections={len(ended)} longest_s={max(ended):.1f}")  # noqa: T201
    assert len(ended) == 300


async def test_an_early_refusal_of_a_service_arrives_through_the_gateway(newcomer: Newcomer):
    draft = f"/v1/documents/{NOBODYS}/attachments/{NOBODYS}/content"
    url, content = newcomer.urls["gateway"] + draft, bytes(8 << 20)
    nobodys = {"Authorization": "Bearer nonsense"}
    for number in range(50):
        headers, status = (nobodys, 401) if number % 2 else (newcomer.headers, 404)
        body = io.BytesIO(content)
        async with newcomer.session.put(url, data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
