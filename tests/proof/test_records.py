"""The observer's memory over its own death: what was begun is known, what is torn is not read."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.proof.history import Doubt, Outcome, Report, Sighting
from tests.proof.orders import Order, order
from tests.proof.records import SEEN, WORK, Records


def wanted(records: Records) -> Order:
    """Return a document of A to B."""
    return order(
        records.number(),
        sender="A",
        to=["B"],
        size=30_000,
        urgency="urgent",
        secret=records.secret,
    )


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Records]:
    """Lend the records of a folder, kept on the disk."""
    records = Records(folder)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(log.keep()) for log in (records.work, records.seen)]
        yield records
        for task in tasks:
            task.cancel()
    records.close()


async def test_what_was_begun_is_asked_again_with_the_same_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        lost = await first.begin(wanted(first))
        # On the disk before its first byte goes out: nothing else has to be written for that.
        (left,) = Records(tmp_path).unknown()
        assert left == lost
        done = await first.begin(wanted(first))
        first.end(done, Outcome("ok", 5.0, "dispatch", "document"))

    async with opened(tmp_path) as again:
        assert [one.key for one in again.unknown()] == [lost.key]
        assert again.secret == first.secret
        assert again.number() == done.number + 1
        again.end(lost, Outcome("unknown", 6.0))
        again.end(lost, Outcome("ok", 7.0, "other", "document"))

    resolved = Records(tmp_path)
    assert list(resolved.unknown()) == []
    assert resolved.resolved == {lost.number}
    assert resolved.outcomes[done.number] == Outcome("ok", 5.0, "dispatch", "document")


async def test_a_revocation_is_known_before_it_is_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        sent = await first.begin(wanted(first))
        await first.revoking(sent.number)
        assert Records(tmp_path).revoked == {sent.number: False}
        first.lost_certificate(sent.number)
    assert Records(tmp_path).revoked == {sent.number: True}


async def test_a_torn_line_is_not_read_and_not_gone_on_with(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        kept = await first.begin(wanted(first))
    with (tmp_path / WORK).open("ab") as file:
        file.write(b'{"e":"invoke","number":99,"sen')

    async with opened(tmp_path) as again:
        assert list(again.orders) == [kept.number]
        more = await again.begin(wanted(again))

    assert list(Records(tmp_path).orders) == [kept.number, more.number]


async def test_a_hole_is_written_down_where_one_reads_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        for sequence in (1, 2, 5):
            sighting = Sighting("B", "normal", sequence, f"hash-{sequence}")
            records.sighted(sighting, in_order=True)
        records.sighted(Sighting("B", "urgent", 7, "hash"), in_order=False)
        records.killed(3)
        await records.reporting(Report("delivery", "03"))

    text = (tmp_path / SEEN).read_text(encoding="utf-8")
    assert text.count('"e":"gap"') == 1
    again = Records(tmp_path)
    assert again.places == {("B", "normal"): 5}
    assert again.kills == 3
    assert again.reports == [Report("delivery", "03")]


async def test_a_doubt_is_on_the_disk_before_its_cause_and_ends_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        doubt = await records.doubting()
        assert f'"from":{doubt.since}}}' in (tmp_path / WORK).read_text(encoding="utf-8")
        records.certain(doubt)

    (over,) = Records(tmp_path).doubts.values()
    assert over.since == doubt.since <= over.until < float("inf")


async def test_a_doubt_of_a_run_that_was_broken_off_ends_where_the_next_begins(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as first:
        doubt = await first.doubting()
        before = await first.begin(wanted(first))
    async with opened(tmp_path) as again:
        after = await again.begin(wanted(again))

    for records in (again, Records(tmp_path)):
        (over,) = records.doubts.values()
        assert doubt.since <= before.begun < over.until < after.begun
    assert Doubt(doubt.since, over.until) == over


def test_only_what_was_begun_and_acknowledged_after_a_moment_counts_for_it(tmp_path: Path) -> None:
    records = Records(tmp_path)
    draft = "/v1/documents/1/dispatches"
    for begun, outcome, path in (
        (1, Outcome("ok", 5), ""),
        (3, Outcome("ok", 3.5), ""),
        (3, Outcome("ok", 5), ""),
        (3, Outcome("ok", 5), draft),
        (3, Outcome("fail", 5), ""),
    ):
        one = replace(wanted(records), begun=begun, path=path)
        records.orders[one.number] = one
        records.end(one, outcome)

    assert records.accepted(2) == [2, 3]
    assert records.accepted(2, after=4) == [3]
    records.close()
