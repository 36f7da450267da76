"""What holds after every restore: for senders, for recipients, and between the services."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from infra.audit.finding import Finding
from infra.client import Json
from shared.chain import LANES
from tests.fixtures.eventually import eventually
from tests.restore.conftest import Site
from tests.restore.moments import Point, sent_again

Mailboxes: TypeAlias = Mapping[str, Mapping[str, list[Json]]]
"""Entries by agency and lane."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A service that was set back."""

    service: str
    point: Point
    back: datetime
    """When it had taken over what others knew."""


async def held(site: Site, restored: Restored) -> None:
    """Assert what a restore to a point promises, once nothing is under way any more."""
    await site.quiet()
    await sent_again(site, restored.service, restored.point)
    await _every_lane_moves(site)
    mailboxes = {box.code: await site.load.look(box) for box in site.load.boxes}
    assert site.load.faults == []
    _everything_read_is_there(site, mailboxes)
    _forget(site, mailboxes, restored)
    _everything_acknowledged_is_there_once(site, mailboxes)
    await _receipts_stay(site, mailboxes, restored)
    await site.quiet()  # the looks have acknowledged what was new
    await _both_sides_hold_the_same_receipts(site)
    await _nothing_found(site)


async def _every_lane_moves(site: Site) -> None:
    """Each sender's document in each lane arrives in that lane of each mailbox."""
    sent = {
        lane: {await site.load.send(code, urgent=lane == "urgent") for code in site.load.senders}
        for lane in LANES
    }
    assert None not in {one for lane in sent.values() for one in lane}, site.load.refused
    await site.quiet()
    for box in site.load.boxes:
        mailbox = await site.load.look(box)
        for lane, dispatches in sent.items():
            there = {_dispatch(item) for item in mailbox[lane]}
            assert dispatches <= there, f"{box.code} {lane} stands still"


def _dispatch(item: Json) -> str:
    return str(json.loads(item["entry"])["dispatch_id"])


def _everything_read_is_there(site: Site, mailboxes: Mailboxes) -> None:
    """Nothing may differ: a mailbox comes back from docs, docs' numbers from the mailboxes."""
    there = {
        (code, lane, int(item["sequence"]))
        for code, mailbox in mailboxes.items()
        for lane, items in mailbox.items()
        for item in items
    }
    gone = sorted(site.load.entries.keys() - there)
    assert not gone, f"read before, and gone: {gone}"  # another one in its place is a fault


def _found(mailboxes: Mailboxes) -> dict[str, "Counter[str]"]:
    """Count each dispatch's entries, by mailbox."""
    return {
        code: Counter(_dispatch(item) for items in mailbox.values() for item in items)
        for code, mailbox in mailboxes.items()
    }


def _forget(site: Site, mailboxes: Mailboxes, restored: Restored) -> None:
    """Note what a restored docs was free to lose: acknowledged behind the point, never numbered.

    "What stood in no store after a restore is lost" (protocol.md 5). Of another service: nothing.
    """
    if restored.service != "docs":
        return
    numbered = {one for entries in _found(mailboxes).values() for one in entries}
    site.load.lost |= {
        one
        for one, at in site.load.accepted.items()
        if restored.point.to <= at < restored.back and one not in numbered
    }


def _everything_acknowledged_is_there_once(site: Site, mailboxes: Mailboxes) -> None:
    due = site.load.accepted.keys() - site.load.lost
    for code, entries in _found(mailboxes).items():
        assert not due - entries.keys(), f"acknowledged, and not in the mailbox of {code}"
        twice = [one for one, times in entries.items() if times > 1]
        assert not twice, f"more than once in the mailbox of {code}"


async def _receipts_stay(site: Site, mailboxes: Mailboxes, restored: Restored) -> None:
    """Every receipt is what its recipient was told, byte for byte.

    Notify has back what docs or the log knew. One that only the lost database held is none any
    more, until its recipient asks again.
    """
    load = site.load
    for box in load.boxes:
        for item in (item for lane in mailboxes[box.code].values() for item in lane):
            told = load.receipts[item["delivery_id"]]
            now = await load.receipt(box, item["delivery_id"])
            if now != told.jws:
                where = f"{box.code} {item['sequence']}"
                assert now is None, f"{where}: another receipt, for which nobody has asked"
                free = restored.service == "notify" and told.at >= restored.point.to
                assert free, f"{where}: its receipt is gone"
                await load.acknowledge(box, item)


async def _both_sides_hold_the_same_receipts(site: Site) -> None:
    held_by: list[list[tuple[object, ...]]] = []
    for service in ("docs", "notify"):
        connection = await site.database(service)
        rows = await connection.fetch("select delivery_id, receipt from receipts order by 1")
        await connection.close()
        held_by.append([tuple(row) for row in rows])
    assert held_by[0] == held_by[1]


async def _nothing_found(site: Site) -> None:
    """An audit finds nothing new, but what signing was asked of dispatches that docs has lost."""
    kept = {f"dispatch {one}" for one in site.load.accepted.keys() - site.load.lost}

    def excused(one: Finding) -> bool:
        return one.what == "signing knows it, docs does not" and one.where not in kept

    found: list[Finding] = []

    async def clean() -> bool:
        found[:] = [one for one in await site.findings() if not excused(one)]
        return not found

    try:
        await eventually(clean, "clean", timeout=10, pause=1)
    except AssertionError as error:
        raise AssertionError(f"the audit finds: {found}") from error
