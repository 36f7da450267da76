"""An outage, a cut upload, a closed agency, a revoked client: what is seen from outside."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from infra.client import Client, Refused, Unreachable, connect, ports
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


async def test_a_revoked_client_is_refused_within_a_minute(
    systems: Mapping[str, Client],
) -> None:
    client = systems["sys-h02"] if "sys-h02" in systems else systems["sys-g21"]
    before = await client.ask("GET", "/v1/me")
    assert before.status == 200
    name = client.access.client_id
    answer = await systems["registrar"].ask("GET", f"/v1/clients/{name}")
    etag = {"If-Match": answer.headers["ETag"]}
    await systems["registrar"].ask(
        "PATCH", f"/v1/clients/{name}", body={"state": "revoked"}, headers=etag
    )

    async def closed() -> bool:
        try:
            await client.ask("GET", "/v1/me")
        except Refused as refused_now:
            return refused_now.answer.status == 401
        return False

    try:
        await eventually(closed, "the revoked client is refused", timeout=60, pause=1)
    finally:
        answer = await systems["registrar"].ask("GET", f"/v1/clients/{name}")
        etag = {"If-Match": answer.headers["ETag"]}
        await systems["registrar"].ask(
            "PATCH", f"/v1/clients/{name}", body={"state": "active"}, headers=etag
        )
