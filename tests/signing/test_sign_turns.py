"""Agencies are served in turn, slow files end, a PIN is asked for each time, in the body only."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from io import BytesIO
from uuid import UUID, uuid4

import pikepdf
import pytest

from services.signing.bench import LIMITS, Bench
from services.signing.forks import Forks
from services.signing.pool import Limits, Worker
from services.signing.sign import activate
from services.signing.turns import MOST, Turns, Work
from shared.errors import Problem
from shared.ids import AgencyId, SignatureId
from shared.sizes import AT_ONCE
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import OTHER, SENDER
from tests.signing.desk import AGENCIES
from tests.signing.signer import PIN, Signer

A, B, C = (AgencyId(uuid4()) for _ in range(3))


def heavy(pdf: bytes, numbers: int) -> bytes:
    """Return a legal file whose catalogue holds so many numbers: it takes long to be read."""
    out = BytesIO()
    with pikepdf.open(BytesIO(pdf)) as opened:
        many = pikepdf.Object.parse(b"[" + b"1 " * numbers + b"]")
        opened.Root.PieceInfo = pikepdf.Dictionary({"/X": many})
        opened.save(out)
    return out.getvalue()


async def queued(turns: Turns, count: int) -> None:
    """Return when so many wait for a worker."""
    await eventually(lambda: turns.waiting == count, "they wait for a worker", pause=0.001)


async def order_of(turns: Turns, wanted: list[AgencyId]) -> list[AgencyId]:
    """Queue these while the workers are busy; return who was served, in order."""
    served: list[AgencyId] = []

    async def use(agency: AgencyId) -> None:
        async with turns.of(agency):
            served.append(agency)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group, AsyncExitStack() as busy:
        for _ in turns.workers:
            await busy.enter_async_context(turns.of(AgencyId(uuid4())))
        for number, agency in enumerate(wanted, 1):
            group.create_task(use(agency))
            await queued(turns, number)
    assert turns.waiting == 0
    return served


async def test_agencies_are_served_in_turn() -> None:
    turns = Turns((Worker(LIMITS, Forks()),))
    assert await order_of(turns, [A, A, A, A, B, C, B]) == [A, B, C, A, B, A, A]


async def test_an_agency_has_one_file_in_a_workers_hands() -> None:
    turns = Turns((Worker(LIMITS, Forks()), Worker(LIMITS, Forks())))
    async with turns.of(A) as first, asyncio.TaskGroup() as group:
        second = group.create_task(hold(turns, A))
        await queued(turns, 1)
        async with turns.of(B) as other:
            assert {first, other} == set(turns.workers)
            assert turns.waiting == 1
        await asyncio.sleep(0)
        assert turns.waiting == 1  # a worker is free, but not for the same agency
        second.cancel()
    assert turns.waiting == 0


async def hold(turns: Turns, agency: AgencyId) -> None:
    """Take a turn and give it back."""
    async with turns.of(agency):
        pass


async def test_who_gives_up_waiting_takes_no_worker_along() -> None:
    turns = Turns((Worker(LIMITS, Forks()),))
    for served_first in (False, True):
        async with asyncio.TaskGroup() as group, AsyncExitStack() as busy:
            await busy.enter_async_context(turns.of(A))
            gone = [group.create_task(hold(turns, B)) for _ in range(3)]
            await queued(turns, 3)
            if served_first:
                await busy.aclose()  # handed out, and cancelled before it runs
            for one in gone:
                one.cancel()
            if not served_first:
                await busy.aclose()  # cancelled, and it has not run since
        async with asyncio.timeout(5), turns.of(C):
            assert turns.waiting == 0


def refusal(turns: Turns, agency: AgencyId, work: Work) -> str:
    """Return what an agency is told that is not admitted; nothing when it is."""
    try:
        with turns.admitted(agency, work):
            return ""
    except Problem as problem:
        return f"{problem.code}, in {problem.retry_after} s: {problem.en}"


WORDS: dict[Work, tuple[str, str]] = {
    "signature": ("signatures of an agency are made", "is making 256 signatures"),
    "validation": ("files of an agency are validated", "is validating 256 files"),
}
PAIRS: list[tuple[Work, Work]] = [("signature", "validation"), ("validation", "signature")]


@pytest.mark.parametrize(("work", "other"), PAIRS)
def test_an_agency_may_have_so_many_of_each_work_under_way(work: Work, other: Work) -> None:
    turns = Turns((Worker(LIMITS, Forks()),))
    with ExitStack() as held:
        for _ in range(AT_ONCE):
            held.enter_context(turns.admitted(A, work))
        assert refusal(turns, A, work).startswith(f"REQ-4291, in 5 s: At most 16 {WORDS[work][0]}")
        assert refusal(turns, B, work) == refusal(turns, A, other) == ""
    assert refusal(turns, A, work) == ""


@pytest.mark.parametrize(("work", "other"), PAIRS)
def test_who_meets_the_exchanges_limit_is_not_told_it_were_its_own(work: Work, other: Work) -> None:
    turns = Turns((Worker(LIMITS, Forks()),))
    with ExitStack() as held:
        for number in range(MOST):
            agency = AgencyId(UUID(int=number // AT_ONCE))
            held.enter_context(turns.admitted(agency, work))
        assert WORDS[work][1] in refusal(turns, A, work)
        assert refusal(turns, A, other) == ""
    assert refusal(turns, A, work) == ""


async def test_a_file_that_takes_too_long_fails_and_delays_no_other(signer: Signer) -> None:
    """Its agency's request ends with a code; another agency signs beside it."""
    letter = signer.desk.papers.letter.pdf
    limits = Limits(cpu_seconds=1)
    async with AsyncExitStack() as opened:
        forks = signer.desk.forks
        workers = (Worker(limits, forks), Worker(LIMITS, forks))
        for worker in workers:
            opened.push_async_callback(worker.end)
            await worker.warm()
        bench = replace(signer.bench, turns=Turns(workers))
        slow = await signer.asked(heavy(letter, 4_000_000))
        other = await signer.asked(letter, sender=OTHER)
        async with asyncio.TaskGroup() as group:
            late = group.create_task(sign(bench, slow, SENDER))
            beside = await sign(bench, other, OTHER)
            assert not late.done()
    assert beside == "made"
    assert late.result() == "SIG-4131"
    assert await signer.state(slow) == ("failed", "SIG-4131")


async def sign(bench: Bench, signature: UUID, code: str) -> str:
    """Activate; return the state, or the code of what was said instead."""
    agency = AgencyId(AGENCIES[code])
    try:
        made = await activate(
            bench, SignatureId(signature), pin=PIN, agency=agency, client_id="sys-beside"
        )
    except Problem as problem:
        return problem.code
    return made.state


async def test_too_many_at_once_are_told_when_to_come_again(signer: Signer) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    agency = AgencyId(AGENCIES[SENDER])
    with ExitStack() as held:
        for _ in range(AT_ONCE):
            held.enter_context(signer.bench.turns.admitted(agency, "signature"))
        answer = await signer.activate(signature)
    assert (answer.status_code, answer.json()["code"]) == (429, "REQ-4291")
    assert answer.headers["retry-after"] == "5"
    assert (await signer.activate(signature)).status_code == 200


async def test_a_made_signature_is_shown_for_the_right_pin_only(own_signer: Signer) -> None:
    signature = await own_signer.asked(own_signer.desk.papers.letter.pdf)
    made = await own_signer.activate(signature)
    assert made.status_code == 200
    wrong = await own_signer.activate(signature, "wrong")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "SIG-4033")
    assert (wrong.json()["tries_left"], "4" in wrong.json()["detail"]) == (4, True)
    assert "tries_left" not in wrong.json()["hint"]
    assert (await own_signer.activate(signature)).json() == made.json()
    for _ in range(5):
        await own_signer.activate(signature, "wrong")
    locked = await own_signer.activate(signature)
    assert (locked.status_code, locked.json()["code"]) == (409, "SIG-4094")
    assert await own_signer.state(signature) == ("made", None)
    assert len(await own_signer.told(signature)) == 1


@pytest.mark.parametrize("query", ["pin=development", "development", "x=1"])
async def test_a_pin_in_the_address_is_refused(signer: Signer, query: str) -> None:
    signature = await signer.asked(signer.desk.papers.letter.pdf)
    path = f"/v1/signatures/{signature}/activation?{query}"
    answer = await signer.call("POST", path, json={"pin": PIN})
    assert (answer.status_code, answer.json()["code"]) == (400, "REQ-4003")
    assert query not in answer.text
    assert answer.json()["hint"]
    assert await signer.state(signature) == ("requested", None)
