"""Kafka dies, freezes, is away, forgets everything or a part; three brokers lose one and two."""

import asyncio
import itertools
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from tests.proof.faults.fault import LONG, OF_PART, PATIENCE, Fault, NotReached
from tests.proof.faults.kills import at_random
from tests.proof.faults.outages import still_accepts
from tests.proof.faults.processes import gone, send
from tests.proof.harness import Harness
from tests.proof.session import Session

TOPICS = {
    "docs": ("lienthong.documents", "lienthong.deliveries"),
    "signing": ("lienthong.signatures",),
    "notify": ("lienthong.receipts",),
}
"""How the topics begin that each service writes."""


def of_kafka(*, frozen: float, stopped: float) -> Iterator[Fault]:
    """Yield what one broker suffers, with the seconds of the long ones."""
    inflicts = {
        "-9": _kill,
        "log directory wiped": wipe,
        "a partition truncated": partial(truncate, writers=itertools.cycle(TOPICS)),
    }
    for name, inflict in inflicts.items():
        yield Fault(f"Kafka: {name}", "Kafka", inflict, bound=OF_PART)
    lasting = {
        f"SIGSTOP for {frozen:.0f} s": partial(_freeze, pause=frozen),
        f"stopped for {stopped:.0f} s": partial(_stop, pause=stopped),
    }
    for name, inflict in lasting.items():
        patience = stopped + 240
        yield Fault(f"Kafka: {name}", "Kafka", inflict, LONG, bound=OF_PART, patience=patience)


def of_three(leaderless: float) -> Iterator[Fault]:
    """Yield what a stack of three brokers suffers."""
    for names in (("kafka-2",), ("kafka-2", "kafka-3")):
        yield Fault(
            name=f"{len(names)} of three brokers killed",
            group="three brokers",
            inflict=partial(_kill_some, names=names, pause=leaderless),
            passes=LONG,
            bound=OF_PART,
            patience=leaderless + 240,
        )
    yield Fault(
        name="log directory of one of three brokers wiped",
        group="three brokers",
        inflict=partial(wipe, name="kafka-2"),
        bound=OF_PART,
    )


async def _returned(session: Session) -> float:
    return await session.recovered(time.monotonic(), PATIENCE)


async def _kill(harness: Harness, session: Session) -> float:
    await at_random()
    pid = send(harness, "kafka", signal.SIGKILL)
    session.killed()
    await gone(pid)
    await harness.wait("kafka")
    return await _returned(session)


async def _freeze(harness: Harness, session: Session, *, pause: float) -> float:
    send(harness, "kafka", signal.SIGSTOP)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(still_accepts(session, pause))
            await asyncio.sleep(pause)
    finally:
        send(harness, "kafka", signal.SIGCONT)
    return await _returned(session)


@asynccontextmanager
async def _away(harness: Harness, session: Session, name: str = "kafka") -> AsyncGenerator[Path]:
    """Hold a broker down meanwhile; lends its log directory."""
    await harness.kill(name, hold=True)
    session.killed()
    try:
        yield harness.run / name / "data"
    finally:
        await _back(harness, name)


async def _back(harness: Harness, name: str) -> None:
    """Start a broker; return when it is back: what it takes to start is no recovery of ours."""
    await harness.start(name)
    await harness.wait(name)


async def _stop(harness: Harness, session: Session, *, pause: float) -> float:
    async with _away(harness, session), asyncio.TaskGroup() as group:
        group.create_task(still_accepts(session, pause))
        await asyncio.sleep(pause)
    return await _returned(session)


async def wipe(harness: Harness, session: Session, *, name: str = "kafka") -> float:
    """Empty a log directory: of the only broker cluster, users, rights, topics, records."""
    async with _away(harness, session, name) as directory:
        await asyncio.to_thread(shutil.rmtree, directory)
    return await _returned(session)


async def truncate(harness: Harness, session: Session, *, writers: Iterator[str]) -> float:
    """Cut the end off a partition of a service's, as a disk that lied about its cache would."""
    async with _away(harness, session) as directory:
        await asyncio.to_thread(_cut, directory, TOPICS[next(writers)])
    return await _returned(session)


def _cut(directory: Path, topics: tuple[str, ...]) -> None:
    """Cut the last third off the longest segment of these topics."""
    segments = [file for file in directory.glob("*/*.log") if file.parent.name.startswith(topics)]
    longest = max(segments, key=lambda file: file.stat().st_size, default=None)
    if longest is None or longest.stat().st_size == 0:
        raise NotReached("no segment holds a record")
    with longest.open("r+b") as file:
        file.truncate(longest.stat().st_size * 2 // 3)


async def _kill_some(
    harness: Harness, session: Session, *, names: tuple[str, ...], pause: float
) -> float:
    """Kill brokers and hold them down; with one gone all goes on, with two all is accepted."""
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(harness.kill(name, hold=True))
    session.killed(len(names))
    since = time.monotonic()
    goes_on = 0.0
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(still_accepts(session, pause))
            group.create_task(asyncio.sleep(pause))
            if len(names) == 1:
                goes_on = await session.recovered(since, PATIENCE)
    finally:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(_back(harness, name))
    return max(goes_on, await _returned(session))
