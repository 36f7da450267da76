"""An outage, a cut upload, a closed agency, a revoked client: what is seen from outside."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from infra.client import Access, Client, Unreachable, connect, ports
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.refusals import draft, draft_with_files, refused

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


async def test_without_postgresql_the_answer_is_503_and_nothing_is_half_done(
    stack: Stack, run: Path
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    async with connect(run, ["sys-g22"], patience=0) as impatient:
        sender = impatient["sys-g22"]
        await sender.token()
        await stack.kill("postgres", hold=True)
        try:
            with pytest.raises(Unreachable, match="503"):
                await sender.ask("POST", "/v1/documents", body=draft(), headers=key)
        finally:
            await stack.start("postgres")
    async with connect(run, ["sys-g22"]) as patient:
        sender = patient["sys-g22"]
        first = await sender.ask("POST", "/v1/documents", body=draft(), headers=key)
        second = await sender.ask("POST", "/v1/documents", body=draft(), headers=key)
        assert first.json()["id"] == second.json()["id"]


async def test_an_upload_cut_in_the_middle_leaves_the_file_announced(
    run: Path, systems: Mapping[str, Client]
) -> None:
    sender, content = systems["sys-g22"], b"%PDF-1.7 " + bytes(200_000)
    made = (await sender.ask("POST", "/v1/documents", body=draft())).json()
    announced = {
        "name": "a.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": "MAIN",
    }
    path = f"/v1/documents/{made['id']}"
    attachment = (await sender.ask("POST", f"{path}/attachments", body=announced)).json()
    put = attachment["upload"]["put"]

    await _cut(str(ports(run)["gateway"]), put, await sender.token(), content)

    state = (await sender.ask("GET", path)).json()["attachments"][0]["state"]
    assert state == "announced"
    await sender.ask("PUT", put, raw=content)
    state = (await sender.ask("GET", path)).json()["attachments"][0]["state"]
    assert state == "stored"


async def _cut(gateway: str, path: str, token: str, content: bytes) -> None:
    host, _, port = gateway.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/pdf\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content[: len(content) // 2])
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_an_abolished_agency_is_refused_with_its_successors(
    systems: Mapping[str, Client],
) -> None:
    registrar, sender = systems["registrar"], systems["sys-g22"]
    code = f"H14.T{uuid4().hex[:8].upper()}"
    agency = {"code": code, "name": "Cơ quan thử nghiệm", "level": "commune", "parent": "H14"}
    await registrar.ask("POST", "/v1/agencies", body=agency)
    closing = {"state": "closed", "successors": ["H14"]}
    await registrar.ask("POST", f"/v1/agencies/{code}/state-changes", body=closing)
    path = await draft_with_files(sender, {"MAIN": b"%PDF-1.7 x"})
    problem = await refused(
        sender,
        "POST",
        f"{path}/dispatches",
        status=422,
        pointer="/recipients/0/agency",
        body={"recipients": [{"agency": code}]},
    )
    assert problem["code"] == "DSP-4221"
    assert "H14" in json.dumps(problem)


async def test_a_revoked_client_is_refused_within_a_minute_with_the_token_it_holds(
    run: Path, systems: Mapping[str, Client], tmp_path: Path
) -> None:
    registrar, private = systems["registrar"], ec.generate_private_key(ec.SECP256R1())
    access = _written(private, tmp_path, systems["sys-g21"].access)
    jwk = json.loads(ECAlgorithm.to_jwk(private.public_key())) | {"kid": "1", "alg": "ES256"}
    new = {
        "client_id": access.client_id,
        "agencies": ["G21"],
        "scopes": ["documents.send"],
        "jwks": {"keys": [jwk]},
    }
    await registrar.ask("POST", "/v1/clients", body=new)
    async with aiohttp.ClientSession() as session:
        client = Client(session, str(ports(run)["gateway"]), access, patience=30)
        assert (await client.ask("GET", "/v1/documents")).status == 200
        bearer = {"Authorization": f"Bearer {await client.token()}"}
        doors = [f"{ports(run)[where]}/v1/documents" for where in ("gateway", "docs")]
        await registrar.ask("DELETE", f"/v1/clients/{access.client_id}")

        async def closed() -> bool:
            statuses: set[int] = set()
            for door in doors:
                async with session.get(door, headers=bearer) as answer:
                    statuses.add(answer.status)
            return statuses == {401}

        await eventually(closed, "the revoked client is refused", timeout=60, pause=1)


def _written(private: ec.EllipticCurvePrivateKey, folder: Path, like: Access) -> Access:
    path = folder / "key.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    name = f"sys-test-{uuid4().hex[:12]}"
    return replace(like, client_id=name, scope="documents.send", private_key=path)
