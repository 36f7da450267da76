"""What happens beside an activation: another one, a revocation, a cancellation."""

import asyncio
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from infra.pki.establish import PASSWORD
from services.signing.bench import Bench
from services.signing.keys import KeyFiles
from services.signing.pool import Worker
from services.signing.sign import activate
from services.signing.signature import Signature
from services.signing.turns import Turns
from shared.errors import Problem
from shared.ids import AgencyId, SignatureId
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import OTHER, SENDER
from tests.signing.desk import AGENCIES
from tests.signing.signer import PIN, Signer
from tests.signing.test_sign_refusals import change


@dataclass(frozen=True, slots=True)
class Late:
    """An activation whose worker is busy with something else whenever a test says so."""

    bench: Bench
    signature: UUID

    async def run(self) -> Signature | str:
        """Activate; return the signature, or the code of what was said instead."""
        try:
            return await activate(
                self.bench,
                SignatureId(self.signature),
                pin=PIN,
                agency=AgencyId(AGENCIES[SENDER]),
                client_id="sys-late",
            )
        except Problem as problem:
            return problem.code

    def busy(self) -> AbstractAsyncContextManager[Worker]:
        """Hold its only worker, as another agency's file does."""
        return self.bench.turns.of(AgencyId(AGENCIES[OTHER]))

    async def waits(self, count: int = 1) -> None:
        """Return when it, or so many, wait for the worker."""
        turns = self.bench.turns
        await eventually(lambda: turns.waiting == count, "it waits for its worker", timeout=60)


def late(signer: Signer, signature: UUID) -> Late:
    """Return an activation with a turn of its own."""
    turns = Turns(signer.bench.turns.workers[:1])
    return Late(replace(signer.bench, turns=turns), signature)


async def test_one_who_prepares_too_late_returns_the_signature_that_was_made(
    signer: Signer,
) -> None:
    slow = late(signer, await signer.asked(signer.desk.papers.letter.pdf))
    async with asyncio.TaskGroup() as group, slow.busy():
        task = group.create_task(slow.run())
        await slow.waits()
        first = await signer.activate(slow.signature)
    assert first.status_code == 200, first.text
    made = task.result()
    assert isinstance(made, Signature)
    assert made.signed_sha256 == first.json()["signed"]["sha256"]
    assert len(await signer.told(slow.signature)) == 1


async def test_revoked_or_cancelled_while_its_file_is_prepared(own_signer: Signer) -> None:
    letter = own_signer.desk.papers.letter.pdf
    slow = late(own_signer, await own_signer.asked(letter))
    async with asyncio.TaskGroup() as group, slow.busy():
        task = group.create_task(slow.run())
        await slow.waits()
        answer = await own_signer.call("DELETE", f"/v1/signatures/{slow.signature}")
        assert answer.status_code == 204
    assert task.result() == "SIG-4092"
    slow = late(own_signer, await own_signer.asked(letter))
    async with asyncio.TaskGroup() as group, slow.busy():
        task = group.create_task(slow.run())
        await slow.waits()
        await change(own_signer.desk, own_signer.certificate("leader"), "keyCompromise")
    assert task.result() == "SIG-4225"
    assert await own_signer.state(slow.signature) == ("failed", "SIG-4225")


async def test_revoked_while_its_signature_is_verified(own_signer: Signer) -> None:
    slow = late(own_signer, await own_signer.asked(own_signer.desk.papers.letter.pdf))
    first, second = AsyncExitStack(), AsyncExitStack()
    async with asyncio.TaskGroup() as group:
        await first.enter_async_context(slow.busy())
        task = group.create_task(slow.run())
        await slow.waits()
        again = group.create_task(second.enter_async_context(slow.busy()))
        await slow.waits(2)
        await first.aclose()  # the next turn is the file's, the one after it is ours
        await again
        await slow.waits()
        assert await own_signer.state(slow.signature) == ("intended", None)
        await change(own_signer.desk, own_signer.certificate("leader"), "keyCompromise")
        await second.aclose()
    assert task.result() == "SIG-4225"
    (told,) = await own_signer.told(slow.signature)
    assert told["type"] == "vn.lienthong.signature.failed.v1"


@pytest.mark.parametrize("code", [SENDER, OTHER])
def test_a_key_signs_the_same_bytes_each_time(signer: Signer, code: str) -> None:
    certificate = signer.certificate("leader", code)
    keys = KeyFiles(signer.desk.authorities.folder / "keys")
    made = {keys.unlock(certificate, PIN).sign(b"mot noi dung") for _ in range(5)}
    assert len(made) == 1
    content = (keys.folder / f"{certificate}.p12").read_bytes()
    kind = type(pkcs12.load_key_and_certificates(content, PASSWORD)[0]).__name__
    assert kind == {SENDER: "RSAPrivateKey", OTHER: "ECPrivateKey"}[code]
