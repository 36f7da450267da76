"""SIGSTOP past session and lock limits: who was given up for dead comes back and goes on."""

import asyncio
import signal
import time
from collections.abc import Iterator
from functools import partial

from tests.proof.faults.fault import LONG, PATIENCE, Fault
from tests.proof.faults.processes import send, state, until
from tests.proof.harness import Harness
from tests.proof.session import Session


def freezes(pause: float, *, together: bool) -> Iterator[Fault]:
    """Yield the zombies: frozen for so many seconds, at any moment and at their worst one.

    `together` as in `at_failpoints`.
    """
    for service in ("docs", "notify", "signing", "gateway"):
        yield Fault(
            name=f"SIGSTOP of {service} for {pause:.0f} s beside a second instance",
            group="frozen beside a successor",
            inflict=partial(_freeze, service=service, pause=pause),
            passes=LONG,
            quick=service == "docs",
            lane=service if together else "",
        )
    for service, point in (
        ("docs", "relay.before_mark"),
        ("signing", "relay.after_send"),
        ("notify", "consumer.after_inbox"),
        ("docs", "consumer.after_fetch"),
    ):
        kind = point.partition(".")[0]
        yield Fault(
            name=f"zombie {kind} of {service} at {point}",
            group=f"zombie {kind}",
            inflict=partial(_freeze_at, service=service, point=point, pause=pause),
            passes=LONG,
            quick=point in {"relay.before_mark", "consumer.after_inbox"},
            lane=service if together else "",
        )


async def _freeze(harness: Harness, session: Session, *, service: str, pause: float) -> float:
    """Freeze the first instance, the leader, while a second one is there; then wake it."""
    await harness.scale(service, 2)
    since = time.monotonic()
    send(harness, service, signal.SIGSTOP)
    try:
        async with asyncio.TaskGroup() as group:
            recovery = group.create_task(session.recovered(since, pause + PATIENCE))
            await asyncio.sleep(pause)
            await recovery
    finally:
        send(harness, service, signal.SIGCONT)
    await session.recovered(time.monotonic(), PATIENCE)
    await harness.scale(service, 1)
    return recovery.result()


async def _freeze_at(
    harness: Harness, session: Session, *, service: str, point: str, pause: float
) -> float:
    """Freeze the only instance between two effects, let a successor do its work, wake it."""
    harness.arm(service, f"{point}:2:STOP")
    async with asyncio.TaskGroup() as group:
        await until(f"{service} freezes at {point}", lambda: _frozen(harness, service), PATIENCE)
        since = time.monotonic()
        try:
            joining = group.create_task(harness.scale(service, 2))
            recovery = group.create_task(session.recovered(since, pause + PATIENCE))
            await asyncio.sleep(pause)
            await recovery
        finally:
            send(harness, service, signal.SIGCONT)
        await joining
    await session.recovered(time.monotonic(), PATIENCE)
    await harness.scale(service, 1)
    return recovery.result()


def _frozen(harness: Harness, process: str) -> bool:
    try:
        return state(harness.pid(process)) in {"T", "t"}
    except (FileNotFoundError, ValueError, IndexError):
        return False
