"""The settling of accounts: ask what is unknown, wait for quiet, read, put it together."""

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from tests.proof.arrivals import Arrivals
from tests.proof.client import Door, System, opened, systems
from tests.proof.collect import Collected, Collector, directory, trusted
from tests.proof.harness import Harness, Json
from tests.proof.history import Entry, Fetched, History, Notice, Receipt, Sighting, begun
from tests.proof.journal import lines
from tests.proof.mailboxes import Receiving
from tests.proof.network import Network, choose
from tests.proof.orders import Shape
from tests.proof.papers import Desk
from tests.proof.quiet import until_quiet
from tests.proof.records import SEEN, Records
from tests.proof.reread import Rereading
from tests.proof.streams import Stream, owed
from tests.proof.workload import Workload

_PATIENCE = 60.0
_LAST_EVENTS = 30.0
_NO_LOAD = Shape(sizes=(), large_every=0, recipients=(), wide_every=0, urgent=0, seed=0)


@dataclass(frozen=True, slots=True)
class Settling:
    """What settling accounts needs."""

    door: Door
    known: Mapping[str, System]
    network: Network
    records: Records
    workload: Workload
    receiving: Receiving
    collector: Collector
    patience: float


async def accounts(harness: Harness, journal: Path, patience: float) -> History:
    """Return all facts of a proof; what is still under way after `patience` is in `unquiet`."""
    records = Records(journal)
    try:
        async with opened(harness) as door, asyncio.TaskGroup() as group:
            files = [group.create_task(log.keep()) for log in (records.work, records.seen)]
            settling = await _prepared(door, harness, records, patience)
            unquiet, found = await _settled(settling)
            for task in files:
                task.cancel()
    finally:
        records.close()
    return put_together(records, settling.network, found, unquiet)


async def _prepared(door: Door, harness: Harness, records: Records, patience: float) -> Settling:
    known, network = systems(door, patience=_PATIENCE), choose(harness.clients())
    arrivals, hub = Arrivals(records), known[network.hub]
    desk = Desk(harness.run / "pki", records.folder / "papers")
    return Settling(
        door=door,
        known=known,
        network=network,
        records=records,
        workload=Workload(known, network, desk, records, arrivals, _NO_LOAD),
        receiving=Receiving(records, arrivals, await trusted(harness, hub), reporting=False),
        collector=Collector(known, network, await directory(hub)),
        patience=patience,
    )


async def _settled(settling: Settling) -> tuple[list[str], Collected]:
    """Bring everything to its end; return what has none, and what was read."""
    _say("asking for what is unknown")
    left = await settling.workload.ask_unknown(patience=settling.patience)
    unquiet = [f"document {order.number} of {order.sender} has no final answer" for order in left]
    _say("waiting for quiet")
    unquiet += await until_quiet(settling.door, settling.patience)
    found = await _mailboxes(settling)
    if found.open:
        _say(f"receiving what is left: {sum(len(items) for items in found.open.values())}")
        await _receive_rest(settling, found.open)
        unquiet += await until_quiet(settling.door, settling.patience)
        found = await _mailboxes(settling)
    unquiet += await _read(settling, found)
    return list(dict.fromkeys(unquiet)), found


async def _mailboxes(settling: Settling) -> Collected:
    found, began = Collected(), time.monotonic()
    await settling.collector.mailboxes(found)
    _say(f"read {len(found.entries)} entries in {time.monotonic() - began:.1f} s")
    return found


async def _receive_rest(settling: Settling, items: Mapping[str, Sequence[Json]]) -> None:
    async with asyncio.TaskGroup() as group:
        for name, some in items.items():
            for item in some:
                if item["delivery_id"] in settling.records.acknowledged:
                    settling.records.unreceipted(item["delivery_id"], item["agency"])
            work = settling.receiving.again(settling.known[name], list(some))
            group.create_task(work)


async def _read(settling: Settling, found: Collected) -> list[str]:
    """Read what is said besides: event logs, the senders' lists, statuses, receipts, files.

    Returns what cannot be read.
    """
    collector, records, began = settling.collector, settling.records, time.monotonic()
    held = await collector.told(found)
    await collector.stand(found, held)
    await collector.documents(found)
    of = {entry.delivery: entry for entry in found.entries}
    reported = {name: of[name].agency for name in _reported(records) if name in of}
    await collector.statuses(found, reported)
    _say(f"read logs, lists and statuses in {time.monotonic() - began:.1f} s")
    await _hear_rest(settling, found)
    rereading = Rereading(collector, settling.receiving, found)
    await rereading.timelines(_senders(records), _documents(records, reported, of))
    await rereading.receipts()
    await rereading.files(_whole(records))
    readers = settling.network.readers.items()
    by_kafka = [settling.network.hub, *(name for name, kind in readers if kind == "kafka")]
    return await rereading.topics(by_kafka)


async def _hear_rest(settling: Settling, found: Collected) -> None:
    """Let the streams that were followed under load tell what they still owe."""
    records, began = settling.records, time.monotonic()
    owing = owed(lines(records.folder / SEEN), settling.network.serving, found.entries)
    async with asyncio.TaskGroup() as group:
        for name, wanted in owing.items():
            stream = Stream(settling.known[name], records, lambda: None)
            group.create_task(stream.rest(wanted, _LAST_EVENTS))
    what = f"{sum(map(len, owing.values()))} arrivals of {len(records.streams)} streams"
    _say(f"heard the last {what} in {time.monotonic() - began:.1f} s")


def _reported(records: Records) -> list[str]:
    """Return the deliveries of which a status was about to be reported, each once."""
    return list(dict.fromkeys(one.delivery for one in records.reports))


def _senders(records: Records) -> dict[str, str]:
    """Return the sender of every document that was acknowledged, by the document's id."""
    return {
        outcome.document: records.orders[number].sender
        for number, outcome in records.outcomes.items()
        if outcome.kind == "ok"
    }


def _documents(
    records: Records, deliveries: Iterable[str], of: Mapping[str, Entry]
) -> AbstractSet[str]:
    """Return the documents that deliveries are of."""
    known = {outcome.dispatch: outcome.document for outcome in records.outcomes.values()}
    return {known.get(of[name].dispatch, "") for name in deliveries}


def _whole(records: Records) -> set[str]:
    """Return the dispatches of which a file came whole under load."""
    seen = (line for line in lines(records.folder / SEEN) if line["e"] == "fetched")
    return {one["dispatch"] for one in seen if one["got"] == one["named"] and not one["fault"]}


def put_together(
    records: Records, network: Network, found: Collected, unquiet: Sequence[str]
) -> History:
    """Return the facts of the journals and of what was read."""
    history = History(
        invocations={n: order.invocation() for n, order in records.orders.items()},
        outcomes=dict(records.outcomes),
        resolved=set(records.resolved),
        entries=found.entries,
        notices=found.notices,
        changes=found.changes,
        standings=found.standings,
        reports=list(records.reports),
        statuses=found.statuses,
        documents=found.documents,
        timelines=found.timelines,
        latest=found.latest,
        serving=dict(network.serving),
        fetched=found.fetched,
        receipts=found.receipts,
        subscribed=found.subscribed,
        unquiet=list(unquiet),
        doubts=list(records.doubts.values()),
        revoked=dict(records.revoked),
        kills=records.kills,
    )
    for line in lines(records.folder / SEEN):
        _add(history, line, records.acknowledged)
    return history


def _add(history: History, line: Json, done: AbstractSet[str]) -> None:
    match line["e"]:
        case "entry":
            history.sightings.append(
                Sighting(line["agency"], line["lane"], line["sequence"], line["hash"])
            )
        case "gap":
            where = f"{line['agency']} {line['lane']}"
            history.gaps_seen.append(f"{where}: {line['after']} was followed by {line['sequence']}")
        case "fetched":
            history.fetched.append(Fetched(**{k: v for k, v in line.items() if k != "e"}))
        case "receipt":
            names = ("delivery", "agency", "sha256", "fault")
            history.receipts.append(Receipt(**{name: line[name] for name in names}))
        case "notice":
            history.notices.append(Notice.read(line))
        case "stream":
            history.streams[line["system"]] = begun(line)
        case "refused" if line["delivery"] not in done:  # later it was not
            history.refused.append(f"{line['agency']} {line['delivery']}: {line['why']}")
        case _:
            pass


def _say(text: str) -> None:
    sys.stdout.write(f"  settling: {text}\n")
    sys.stdout.flush()
