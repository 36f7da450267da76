"""Whoever opens a hundred streams waits for them; the others come in between."""

import asyncio

import pytest

from services.notify.behind import Behind


async def test_systems_have_turns_one_at_a_time_however_many_streams_each_has():
    behind, had, within = Behind(rest=0), list[str](), list[str]()

    async def read_on(system: str, pages: int) -> None:
        for _ in range(pages):
            async with behind.turn(system):
                assert not within
                within.append(system)
                await asyncio.sleep(0)
                had.append(within.pop())

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(read_on("many", 3))
        group.create_task(read_on("one", 5))
    assert had.count("many") == 30
    places = [place for place, system in enumerate(had) if system == "one"]
    assert places[-1] < 12  # five pages among the first dozen, beside ten streams with thirty


@pytest.mark.parametrize("goes", [False, True], ids=["stays", "goes away"])
async def test_after_a_turn_its_system_rests_and_others_have_theirs(*, goes: bool):
    behind, clock = Behind(rest=20), asyncio.get_running_loop().time
    turns: list[tuple[str, float, float]] = []

    async def read_on(system: str) -> None:
        async with behind.turn(system) as turn:
            turn.rests = True
            began = clock()
            await asyncio.sleep(0.02)
            turns.append((system, began, clock()))
            if goes:
                raise asyncio.CancelledError

    async with asyncio.TaskGroup() as group:
        for system in ("one", "one", "two"):
            group.create_task(read_on(system))
    (first, began, ended), (second, _, _), (third, late, _) = turns
    assert [first, second, third] == ["one", "two", "one"]
    assert late - ended >= 20 * (ended - began) * 0.9


async def test_one_that_goes_away_while_it_waits_leaves_its_turn():
    behind = Behind()

    async def wait(system: str) -> None:
        async with behind.turn(system):
            pass

    async with asyncio.TaskGroup() as group, behind.turn("one"):
        gone = [group.create_task(wait(system)) for system in ("one", "two")]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        await asyncio.wait(gone)
    for system in ("one", "two"):
        async with asyncio.timeout(5):
            await wait(system)
