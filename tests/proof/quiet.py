"""Whether anything is still under way, by the gauges of every instance (protocol.md 8)."""

import asyncio
import math
import sys
import time

import aiohttp

from tests.proof.client import Door

_WAITING = "lienthong_dispatches_waiting"
GAUGES = (
    "lienthong_outbox_pending",
    "lienthong_consumer_lag",
    "lienthong_examinations_pending",
    "lienthong_withdrawals_pending",
    _WAITING,
    "lienthong_lanes_behind",
    "lienthong_events_unnumbered",
    "lienthong_parked",
    "lienthong_heads_differ",
    "lienthong_recovering",
    "lienthong_lanes_stopped",
)
_OF_SERVICE = {
    "gateway": "outbox_pending consumer_lag parked recovering",
    "docs": "outbox_pending consumer_lag dispatches_waiting parked heads_differ recovering",
    "signing": "outbox_pending consumer_lag examinations_pending withdrawals_pending parked"
    " recovering",
    "notify": "outbox_pending consumer_lag lanes_behind events_unnumbered parked recovering",
}
"""Gauges that a service must have: one that is missing is not 0."""
_LOOK, _TIMES = 0.5, aiohttp.ClientTimeout(total=5)
_TWICE, _SAY = 2, 5.0


async def unquiet(door: Door) -> list[str]:
    """Return what is still under way, by instance: `docs http://…: lienthong_outbox_pending 3`."""
    found: list[str] = []
    metrics = door.harness.ports()["metrics"]
    for service, instances in metrics.items():
        for instance in instances:
            found += [
                f"{service} {instance}: {what}" for what in await _of(door, service, instance)
            ]
    return found


async def backlog(door: Door) -> float:
    """Return how many documents wait for verdict or turn; infinite: nobody tells."""
    instances = door.harness.ports()["metrics"]["docs"]
    told = [await _values(door, instance) for instance in instances]
    every = [one[_WAITING] for one in told if isinstance(one, dict) and _WAITING in one]
    return max(map(float, every), default=math.inf)


async def _values(door: Door, instance: str) -> dict[str, str] | str:
    """Return what an instance shows, or why it does not."""
    try:
        async with door.session.get(f"{instance}/metrics", timeout=_TIMES) as answer:
            if answer.status != 200:
                return f"metrics answer {answer.status}"
            text = await answer.text()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return f"no metrics: {type(error).__name__}"
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("lienthong"))


async def _of(door: Door, service: str, instance: str) -> list[str]:
    values = await _values(door, instance)
    if isinstance(values, str):
        return [values]
    due = [f"lienthong_{name}" for name in _OF_SERVICE.get(service, "").split()]
    missing = [f"{name} is missing" for name in due if name not in values]
    return missing + [f"{n} {values[n]}" for n in GAUGES if n in values and float(values[n])]


async def until_quiet(door: Door, patience: float) -> list[str]:
    """Wait until nothing is under way at two looks that follow each other; return what stays so."""
    end, quiet, said = time.monotonic() + patience, 0, time.monotonic()
    while True:
        left = await unquiet(door)
        quiet = 0 if left else quiet + 1
        if quiet >= _TWICE or (left and time.monotonic() > end):
            return left
        if left and time.monotonic() > said + _SAY:
            said = time.monotonic()
            sys.stdout.write(
                f"  under way: {left[0]}{f' and {len(left) - 1} more' * bool(left[1:])}\n"
            )
            sys.stdout.flush()
        await asyncio.sleep(_LOOK)
