"""Whether anything is still under way, by the gauges of every instance (protocol.md 8)."""

import asyncio
import time

import aiohttp

from tests.proof.client import Door

GAUGES = (
    "lienthong_outbox_pending",
    "lienthong_consumer_lag",
    "lienthong_examinations_pending",
    "lienthong_dispatches_waiting",
    "lienthong_lanes_behind",
    "lienthong_events_unnumbered",
    "lienthong_parked",
    "lienthong_heads_differ",
    "lienthong_recovering",
)
_OF_SERVICE = {
    "docs": frozenset(GAUGES) - {GAUGES[2], GAUGES[4], GAUGES[5]},
    "signing": frozenset({GAUGES[0], GAUGES[1], GAUGES[2], GAUGES[6]}),
    "notify": frozenset(GAUGES) - {GAUGES[2], GAUGES[3], GAUGES[7]},
}
"""Gauges that a service must have: one that is missing is not 0."""
_LOOK, _TIMES = 0.5, aiohttp.ClientTimeout(total=5)
_TWICE = 2


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


async def _of(door: Door, service: str, instance: str) -> list[str]:
    try:
        async with door.session.get(f"{instance}/metrics", timeout=_TIMES) as answer:
            if answer.status != 200:
                return [f"metrics answer {answer.status}"]
            text = await answer.text()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return [f"no metrics: {type(error).__name__}"]
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("lienthong"))
    missing = [f"{name} is missing" for name in _OF_SERVICE.get(service, ()) if name not in values]
    return missing + [f"{n} {values[n]}" for n in GAUGES if n in values and float(values[n])]


async def until_quiet(door: Door, patience: float) -> list[str]:
    """Wait until nothing is under way at two looks that follow each other; return what stays so."""
    end, quiet = time.monotonic() + patience, 0
    while True:
        left = await unquiet(door)
        quiet = 0 if left else quiet + 1
        if quiet >= _TWICE or (left and time.monotonic() > end):
            return left
        await asyncio.sleep(_LOOK)
