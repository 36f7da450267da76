"""A draft's whole way by kept keys: unsigned file, leader, seal, dispatch, examined, delivered."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.client import Client, Json, Refused
from infra.demo.inspect import Trust, faults_of
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.database import rows
from tests.life.kept import activate, applied, ask_for, drafted
from tests.life.story import PROVINCE, reach, receive

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]
SENDER = "sys-g22"


async def test_a_letter_signed_and_sealed_by_kept_keys_is_delivered(
    run: Path, stack: Stack, systems: Mapping[str, Client]
) -> None:
    sender = systems[SENDER]
    document, attachment, unsigned = await drafted(sender)

    leader = await ask_for(sender, document, attachment["id"], "leader")
    with pytest.raises(Refused, match="DOC-4095"):
        await sender.ask("POST", f"{document}/dispatches", body={})
    with pytest.raises(Refused, match="SIG-4033"):
        await activate(sender, leader, "sai mã")
    assert (await activate(sender, leader))["state"] == "made"
    first = await applied(sender, document, leader)

    seal = await ask_for(sender, document, attachment["id"], "seal")
    made = await activate(sender, seal)
    second = await applied(sender, document, seal)
    assert second["source"] == {k: first["signed"][k] for k in ("sha256", "size")}
    assert made["signed"]["sha256"] == second["signed"]["sha256"]

    dispatch = await sender.ask("POST", f"{document}/dispatches", body={})
    where = dispatch.headers["Location"]
    arrived = await reach(sender, where, "available", "acknowledged", recipients=1)
    assert [one["indication"] for one in arrived["verdicts"]] == ["TOTAL-PASSED"]
    received = await receive(systems["sys-h14"], PROVINCE, arrived["id"])
    (content,) = received.files.values()
    assert hashlib.sha256(content).hexdigest() == second["signed"]["sha256"]
    assert content.startswith(unsigned)

    trust = await trust_of(run, sender)
    assert await asyncio.to_thread(faults_of, content, "MAIN", "G22", trust) is None
    assert await uses(stack, leader) == ["wrong_pin", "activated", "intended", "released"]
    assert await uses(stack, seal) == ["activated", "intended", "released"]


async def uses(stack: Stack, signature: Json) -> list[str]:
    """Return what is written down of the key's use; a leader's names the person."""
    found = await rows(
        stack,
        "signing",
        "select outcome, person, client_id from key_uses where signature_id = $1 order by id",
        signature["id"],
    )
    assert {row["client_id"] for row in found} == {SENDER}
    assert {row["person"] is not None for row in found} == {signature["kind"] == "leader"}
    return [row["outcome"] for row in found]


async def test_a_cancelled_request_lets_the_draft_go(systems: Mapping[str, Client]) -> None:
    sender = systems[SENDER]
    document, attachment, _ = await drafted(sender)
    asked = await ask_for(sender, document, attachment["id"], "leader")

    async def cancelled() -> bool:
        try:
            answer = await sender.ask("DELETE", f"/v1/signatures/{asked['id']}")
        except Refused:
            return False
        return answer.status == 204

    await eventually(cancelled, "the request is cancelled", timeout=30)

    async def thawed() -> bool:
        try:
            await sender.ask("DELETE", document)
        except Refused:
            return False
        return True

    await eventually(thawed, "the draft can be deleted", timeout=30)


async def trust_of(run: Path, client: Client) -> Trust:
    """Return what a careful recipient trusts."""
    folder = run / "pki"
    lists = [(await client.ask("GET", f"/pki/{ca}/crl")).body for ca in ("root", "issuing")]
    return Trust(folder / "root.pem", (folder / "issuing.pem").read_bytes(), tuple(lists))
