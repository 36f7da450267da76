"""Files that are too much, workers that die, a store that fails: verdicts, never a crash."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.bench.poison import numbers, unpacked
from services.signing import finding as reasons
from services.signing.pool import Limits
from services.signing.verdict import STRIKES
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import OTHER, Papers, Sheet
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk, open_desk

SMALL = Limits(memory=200 << 20, cpu_seconds=1, wall_seconds=30.0)


@pytest.fixture
async def small(backing: Backing, papers: Papers, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose workers have little of everything."""
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path / "blobs", limits=SMALL) as opened,
    ):
        yield opened


async def test_a_monster_is_refused_after_three_tries_while_others_go_on(small: Desk) -> None:
    monster = await small.send(Sheet(numbers(4_000_000)))
    good = await small.send(small.papers.good_main)
    assert [one.indication for one in await small.verdicts(good)] == ["TOTAL-PASSED"]
    assert not (await small.seen(monster))[0].settled
    (seen,) = await small.verdicts(monster)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.TOO_HEAVY)
    told = [(one["indication"], one["reason"]) for one in await small.events(monster)]
    assert told == [("INDETERMINATE", reasons.TOO_HEAVY), ("TOTAL-FAILED", reasons.TOO_HEAVY)]


async def test_a_file_that_unpacks_to_more_than_a_worker_holds_is_refused(small: Desk) -> None:
    (seen,) = await small.examine(Sheet(unpacked(300 << 20)))
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.TOO_HEAVY)


async def test_a_file_larger_than_a_worker_is_refused(small: Desk) -> None:
    (seen,) = await small.examine(Sheet(b"%PDF-1.7\n" + bytes(210 << 20)))
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.TOO_HEAVY)


async def test_brackets_without_end_are_unreadable(small: Desk) -> None:
    deep = b"%PDF-1.7\n1 0 obj\n" + b"[" * 200_000 + b"\nendobj\nstartxref\n9\n%%EOF\n"
    (seen,) = await small.examine(Sheet(deep))
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.UNREADABLE)


@pytest.mark.parametrize(("per_mib", "heavy"), [(0.0, True), (60.0, False)])
async def test_a_file_that_takes_too_long_by_the_clock_for_its_size_is_refused(
    backing: Backing, papers: Papers, tmp_path: Path, per_mib: float, *, heavy: bool
) -> None:
    short = Limits(
        cpu_seconds=60, wall_seconds=0.5, slow_wall_seconds=0.5, wall_seconds_per_mib=per_mib
    )
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path, limits=short, workers=1) as desk,
    ):
        (seen,) = await desk.examine(Sheet(numbers(500_000)))
    assert seen.indication == "TOTAL-FAILED"
    assert (seen.reason == reasons.TOO_HEAVY) == heavy


async def test_a_worker_killed_from_outside_is_no_fault_of_the_file(
    backing: Backing, papers: Papers, tmp_path: Path
) -> None:
    patient = Limits(cpu_seconds=60, wall_seconds=60)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path, limits=patient, workers=1) as desk,
    ):
        monster = await desk.send(Sheet(numbers(12_000_000)))
        killed = await _deep(desk)
        os.kill(killed, signal.SIGKILL)
        await _deep(desk, but=killed)
        (seen,) = await desk.seen(monster)
        assert (seen.strikes, seen.settled) == (0, False)
        closed_at = asyncio.get_running_loop().time()
    # The end does not wait for a long file, and its claim is given back.
    assert asyncio.get_running_loop().time() - closed_at < 10


async def test_a_long_file_is_told_of_once_while_a_worker_is_still_at_it(
    backing: Backing, papers: Papers, tmp_path: Path
) -> None:
    patient = Limits(cpu_seconds=60, wall_seconds=60)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path, limits=patient, workers=1) as desk,
    ):
        monster = await desk.send(Sheet(numbers(12_000_000)))

        async def told() -> bool:
            return bool(await desk.events(monster))

        await eventually(told, "docs hears of it", timeout=60)
        claimed_until = "select max(claimed_until) from examinations"
        first = await desk.db.as_worker(lambda conn: conn.fetchval(claimed_until))

        async def renewed() -> bool:
            later = await desk.db.as_worker(lambda conn: conn.fetchval(claimed_until))
            return (later - first).total_seconds() > 3

        await eventually(renewed, "its claim is renewed twice more", timeout=60)
        said = [(one["indication"], one["reason"]) for one in await desk.events(monster)]
        assert said == [("INDETERMINATE", reasons.TOO_HEAVY)]
        (seen,) = await desk.seen(monster)
        assert (seen.strikes, seen.settled) == (0, False)


async def test_trust_that_no_worker_can_load_is_no_fault_of_the_file(
    backing: Backing, papers: Papers, tmp_path: Path
) -> None:
    hopeless = Limits(material_wall_seconds=0.0)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path, limits=hopeless, workers=1) as desk,
    ):
        held = await desk.send(desk.papers.good_main)

        async def tried() -> bool:
            fence: int = await desk.db.as_worker(
                lambda conn: conn.fetchval("select max(fence) from examinations")
            )
            return fence > STRIKES

        await eventually(tried, "it is tried more often than there are strikes", timeout=60)
        (seen,) = await desk.seen(held)
        assert (seen.strikes, seen.indication, seen.settled) == (0, None, False)
        assert await desk.events(held) == []


async def test_a_file_that_the_store_spoiled_is_tried_again_and_then_returned(small: Desk) -> None:
    sheet = await asyncio.to_thread(small.papers.fresh_main, "12/VPCP-TTĐT")
    spoiled = Sheet(sheet.content + b"\n")
    path = small.blobs.path(spoiled.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sheet.content)
    dispatch = await small.take_in(spoiled)

    async def told() -> bool:
        return (await small.seen(dispatch))[0].indication == "INDETERMINATE"

    await eventually(told, "the sender is told that nobody can tell", timeout=30)
    await small.execute(  # as if it had taken long before that was known
        "update examinations set reason = $2, next_try_at = clock_timestamp()"
        " where dispatch_id = $1",
        dispatch,
        reasons.TOO_HEAVY,
    )

    async def told_better() -> bool:
        return (await small.seen(dispatch))[0].reason == reasons.STORE_TROUBLE

    await eventually(told_better, "the sender is told the real reason", timeout=30)
    await small.execute(
        "update examinations set waited = interval '25 hours',"
        " next_try_at = clock_timestamp() where dispatch_id = $1",
        dispatch,
    )
    (seen,) = await small.verdicts(dispatch)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.STORE_TROUBLE)


async def _deep(desk: Desk, *, but: int = 0) -> int:
    """Wait until a worker, `but` one, is deep in a file; return its process."""
    found: list[int] = []

    async def at_work() -> bool:
        found[:] = [pid for pid in desk.dispatcher.processes if pid != but and _cpu(pid) > 1.8]
        return bool(found)

    await eventually(at_work, "a worker is deep in the file", timeout=60)
    return found[0]


async def test_a_poisonous_file_keeps_no_slot_and_delays_nobody_else(
    backing: Backing, papers: Papers, tmp_path: Path
) -> None:
    patient = Limits(cpu_seconds=60, wall_seconds=60)
    async with (
        backing.fresh_database("signing") as databases,
        open_desk(backing, databases, papers, tmp_path, limits=patient, workers=1) as desk,
    ):
        poison = [numbers(12_000_000 + number) for number in range(3)]
        for file in poison:
            await desk.send(Sheet(file), sender=OTHER)
        slow = await _deep(desk)
        (seen,) = await desk.examine(desk.papers.good_main)
        assert seen.indication == "TOTAL-PASSED"
        assert slow in desk.dispatcher.processes, "the slow one goes on"
        assert os.getpriority(os.PRIO_PROCESS, slow) == 19
        assert len(desk.dispatcher.processes) == 2, "its sender's others wait"


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
