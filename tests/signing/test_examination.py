"""Claims, turns and repetitions: who is examined when, and what the sender is told."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.signing import examine
from services.signing import finding as reasons
from services.signing.dispatcher import Turns
from services.signing.pipe import Answer
from services.signing.pool import Look
from services.signing.slots import Room
from services.signing.store import examinations
from services.signing.store.examinations import Claim
from shared.chain import Lane
from shared.db import Database
from tests.fixtures.eventually import eventually
from tests.fixtures.papers import OTHER, SENDER, Sheet
from tests.signing.desk import Desk

LEASE = timedelta(seconds=5)


def sheet(mark: str) -> Sheet:
    """Return some file."""
    return Sheet(f"%PDF-1.7 {mark}".encode())


async def claim(db: Database, lane: Lane = "normal", after: UUID | None = None) -> Claim | None:
    """Claim a file as a slot does."""
    return await db.as_worker(
        lambda conn: examinations.claim(conn, lane=lane, after=after, lease=LEASE)
    )


async def test_one_slot_in_four_is_for_normal_documents(idle_desk: Desk) -> None:
    for number in range(4):
        await idle_desk.take_in(sheet(f"thuong {number}"), lane="normal")
    for number in range(8):
        await idle_desk.take_in(sheet(f"khan {number}"), lane="urgent")
    turns = Turns()
    claimed = [await idle_desk.db.as_worker(turns.claim) for _ in range(8)]
    lanes = [one.lane for one in claimed if one]
    assert lanes == ["urgent", "urgent", "urgent", "normal"] * 2


async def test_senders_of_a_lane_take_turns(idle_desk: Desk) -> None:
    for number in range(3):
        await idle_desk.take_in(sheet(f"a {number}"), sender=SENDER)
    for number in range(3):
        await idle_desk.take_in(sheet(f"b {number}"), sender=OTHER)
    turns = Turns()
    claimed = [await idle_desk.db.as_worker(turns.claim) for _ in range(6)]
    senders = [one.sender_id for one in claimed if one]
    assert len(senders) == 6
    assert all(first != second for first, second in itertools.pairwise(senders))


async def test_a_file_is_claimed_once_until_its_claim_expires(idle_desk: Desk) -> None:
    await idle_desk.take_in(sheet("mot"))
    first = await claim(idle_desk.db)
    assert first
    assert not first.alone
    assert await claim(idle_desk.db) is None
    await idle_desk.execute("update examinations set claimed_until = clock_timestamp()")
    second = await claim(idle_desk.db)
    assert second
    assert second.fence == first.fence + 1
    # The first claim ended without a word: perhaps the file ended its process.
    assert second.alone


async def test_what_an_older_claim_finds_is_not_written(idle_desk: Desk) -> None:
    dispatch = await idle_desk.take_in(sheet("cham"))
    old = await claim(idle_desk.db)
    await idle_desk.execute("update examinations set claimed_until = clock_timestamp()")
    new = await claim(idle_desk.db)
    assert old
    assert new
    for _ in range(3):
        await idle_desk.db.as_worker(lambda conn: examine.settle(conn, old, Look(None, "limit")))
    (seen,) = await idle_desk.seen(dispatch)
    assert (seen.indication, seen.strikes) == (None, 0)
    await idle_desk.db.as_worker(lambda conn: examine.settle(conn, new, Look(None, "limit")))
    (seen,) = await idle_desk.seen(dispatch)
    assert (seen.indication, seen.strikes) == ("INDETERMINATE", 1)


async def test_a_suspected_file_runs_alone() -> None:
    room, inside = Room(), list[str]()
    leave, alone_in = asyncio.Event(), asyncio.Event()

    async def ordinary(name: str) -> None:
        async with room.entered(name, alone=False):
            inside.append(name)
            await leave.wait()
        inside.append(f"{name} left")

    async def suspect() -> None:
        async with room.entered("suspect", alone=True):
            inside.append("alone")
            alone_in.set()
            await asyncio.sleep(0.05)
            inside.append("alone left")

    async with asyncio.TaskGroup() as group:
        group.create_task(ordinary("first"))
        await asyncio.sleep(0)
        group.create_task(suspect())
        await asyncio.sleep(0)
        group.create_task(ordinary("late"))
        await asyncio.sleep(0.01)
        assert inside == ["first"]
        leave.set()
    assert inside.index("first left") < inside.index("alone")
    assert inside.index("alone left") == inside.index("alone") + 1
    assert inside.index("late") > inside.index("alone left")


async def test_who_is_put_out_keeps_nobody_waiting() -> None:
    room = Room()
    async with asyncio.timeout(5), room.entered("slow and alone", alone=True):
        await room.put_out("slow and alone")
        async with room.entered("slow", alone=False):
            await room.put_out("slow")
            async with room.entered("suspect", alone=True):
                pass
        async with room.entered("late", alone=False):
            pass


async def test_who_waits_to_be_alone_and_gives_up_keeps_nobody_waiting() -> None:
    room = Room()

    async def suspect() -> None:
        async with room.entered("suspect", alone=True):
            pass

    async with asyncio.timeout(5), room.entered("first", alone=False):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(suspect())
            await asyncio.wait({waiting}, timeout=0.05)
            assert not waiting.done()
            waiting.cancel()
        async with room.entered("late", alone=False):
            pass


async def test_a_repeated_request_is_answered_by_repeating_what_is_known(desk: Desk) -> None:
    paper = await asyncio.to_thread(desk.papers.fresh_main, "71/VPCP-TTĐT")
    dispatch = await desk.send(paper)
    await desk.verdicts(dispatch)
    (said,) = await desk.events(dispatch)
    await desk.send(paper, again=dispatch)
    assert await desk.events(dispatch) == [said, said]
    assert len(await desk.seen(dispatch)) == 1


async def test_equal_bytes_as_letter_and_annex_are_judged_as_the_letter(idle_desk: Desk) -> None:
    content = b"%PDF-1.7 hai vai"
    dispatch = await idle_desk.take_in(Sheet(content, "ANNEX"), Sheet(content, "MAIN"))
    roles = await idle_desk.db.as_worker(
        lambda conn: conn.fetch("select role from examinations where dispatch_id = $1", dispatch)
    )
    assert [row["role"] for row in roles] == ["MAIN"]


async def test_unknown_revocation_is_told_and_waited_for(own_desk: Desk) -> None:
    await own_desk.execute("delete from revocation_lists where authority = 'issuing'")
    dispatch = await own_desk.send(own_desk.papers.good_main)

    async def told() -> bool:
        return (await own_desk.seen(dispatch))[0].indication == "INDETERMINATE"

    await eventually(told, "the sender is told that nobody can tell", timeout=30)
    await own_desk.register.tend()  # publishes the next list
    await own_desk.execute("update examinations set next_try_at = clock_timestamp()")
    (seen,) = await own_desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"
    told_now = [(one["indication"], one["reason"]) for one in await own_desk.events(dispatch)]
    assert told_now == [
        ("INDETERMINATE", reasons.REVOCATION_UNKNOWN),
        ("TOTAL-PASSED", None),
    ]


@pytest.mark.parametrize(("lane", "hours"), [("urgent", 1), ("normal", 24)])
async def test_what_nobody_can_tell_for_too_long_is_returned(
    own_desk: Desk, lane: Lane, hours: int
) -> None:
    await own_desk.execute("delete from revocation_lists where authority = 'issuing'")
    dispatch = await own_desk.send(own_desk.papers.good_main, lane=lane)

    async def told() -> bool:
        return (await own_desk.seen(dispatch))[0].indication == "INDETERMINATE"

    await eventually(told, "the sender is told that nobody can tell", timeout=30)
    await own_desk.execute(
        "update examinations set next_try_at = clock_timestamp(),"
        " waited = waited + make_interval(hours => $1)",
        hours,
    )
    (seen,) = await own_desk.verdicts(dispatch)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.REVOCATION_UNKNOWN)


async def test_a_certificate_of_an_agency_not_known_yet_is_waited_for(own_desk: Desk) -> None:
    await own_desk.execute("update certificates set agency_id = null where agency_code = 'G22'")
    dispatch = await own_desk.send(own_desk.papers.good_main)

    async def tried() -> bool:
        fence: int = await own_desk.db.as_worker(
            lambda conn: conn.fetchval("select max(fence) from examinations")
        )
        return fence >= 2

    await eventually(tried, "the file is tried again", timeout=30)
    assert await own_desk.events(dispatch) == []
    await own_desk.register.tend()
    (seen,) = await own_desk.verdicts(dispatch)
    assert seen.indication == "TOTAL-PASSED"


async def test_whose_agency_never_comes_is_returned(own_desk: Desk) -> None:
    await own_desk.execute("update certificates set agency_id = null where agency_code = 'G22'")
    dispatch = await own_desk.send(own_desk.papers.good_main)
    await own_desk.execute("update examinations set waited = interval '2 minutes'")

    async def told() -> bool:
        return (await own_desk.seen(dispatch))[0].reason == reasons.UNREGISTERED

    await eventually(told, "after a while the sender hears of it", timeout=30)
    assert (await own_desk.seen(dispatch))[0].indication == "INDETERMINATE"
    await own_desk.execute(
        "update examinations set waited = interval '25 hours', next_try_at = clock_timestamp()"
    )
    (seen,) = await own_desk.verdicts(dispatch)
    assert (seen.indication, seen.reason) == ("TOTAL-FAILED", reasons.UNREGISTERED)


OUTSIDE = Look(None, "died", "exit -9")
STORE = Look(Answer(None, "store", "OSError"))


@pytest.mark.parametrize(
    ("look", "waited", "told", "pause"),
    [
        (OUTSIDE, timedelta(0), None, timedelta(seconds=1)),
        (OUTSIDE, timedelta(seconds=40), None, timedelta(seconds=5)),
        (OUTSIDE, timedelta(minutes=2), "INDETERMINATE", timedelta(seconds=15)),
        (OUTSIDE, timedelta(hours=25), "TOTAL-FAILED", None),
        (STORE, timedelta(0), "INDETERMINATE", timedelta(seconds=5)),
        (STORE, timedelta(hours=2), "INDETERMINATE", timedelta(seconds=30)),
        (STORE, timedelta(hours=25), "TOTAL-FAILED", None),
    ],
)
async def test_patience_is_what_was_tried_and_not_what_has_passed(
    idle_desk: Desk, look: Look, waited: timedelta, told: str | None, pause: timedelta | None
) -> None:
    await idle_desk.take_in(sheet(f"{look.failure} {waited}"))
    await idle_desk.execute("update examinations set requested_at = now() - interval '9 days'")
    held = await claim(idle_desk.db)
    assert held is not None
    assert held.waited == timedelta(0), "nobody was there"
    tried = replace(held, waited=waited)
    verdict = await idle_desk.db.as_worker(lambda conn: examine.settle(conn, tried, look))
    assert (verdict.indication if verdict else None) == told
    after = await idle_desk.db.as_worker(
        lambda conn: conn.fetchval("select waited from examinations where not settled")
    )
    assert after == pause, "the pause counts, and grows"


async def test_what_was_tried_in_vain_waits_behind_its_senders_new_files(idle_desk: Desk) -> None:
    old = await idle_desk.take_in(sheet("da thu"))
    held = await claim(idle_desk.db)
    assert held is not None
    pause = timedelta(milliseconds=1)
    await idle_desk.db.as_worker(
        lambda conn: examinations.release(conn, held, pause=pause, strikes=0)
    )
    new = await idle_desk.take_in(sheet("moi"))
    claimed = [await claim(idle_desk.db) for _ in range(3)]
    assert [one.dispatch_id for one in claimed if one] == [new, old]
