"""`make bench SIGNING=1`: what a judgement costs, against bare library calls, and beside poison."""

import argparse
import asyncio
import datetime as dt
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.bench import poison
from infra.bench.ground import KINDS, REVOKED, Ground, prepare
from infra.bench.judged import Json, compared, delayed, line, milliseconds, sound, summary, table
from infra.bench.versus import cold, pairs
from infra.bench.worker import LIFE, memory
from services.signing.pool import Limits, Present
from services.signing.slots import MOST_BESIDE


@dataclass(frozen=True, slots=True)
class Way:
    """How poison comes, and what there is against it."""

    name: str
    most_beside: int = MOST_BESIDE
    """How many looks may go on beside the slots."""
    validated: bool = False
    """Poison and every second good file come to be validated; else all with documents."""


WAYS = (
    Way("with documents"),
    Way("validated", validated=True),
    Way("with documents, no looks beside the slots", most_beside=0),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured."""

    pairs: int
    """Of the first kind, whose p99 the last line tells."""
    others: int
    """Of each other kind."""
    memory: int
    """Files that one worker judges."""
    cold: int
    rounds: int
    seconds: float
    """Of each stretch beside poison."""
    rate: float
    """Good files per second."""
    poison: float
    """1: poison that meets a worker's real limits."""
    limits: Limits


WHOLE = Amount(200, 80, LIFE, 60, 2, 20.0, 8.0, 1.0, Limits())
QUICK = Amount(30, 10, 200, 10, 1, 8.0, 8.0, 0.1, Limits(cpu_seconds=3, wall_seconds=6))
TINY = Amount(4, 2, 40, 2, 1, 1.5, 4.0, 0.02, Limits(cpu_seconds=1, wall_seconds=10))


def _pairs(ground: Ground, amount: Amount, say: Callable[[str], None]) -> list[Json]:
    rows: list[Json] = []
    kinds = [(kind.name, ground.files[kind.name], ground.trusted) for kind in KINDS]
    crowded = (f"100 KB, P-256, list of {REVOKED:,}", kinds[0][1], ground.crowded)
    for name, given, trusted in (*kinds, crowded):
        count = amount.others if rows else amount.pairs
        rows.append(compared(name, pairs(given, trusted, count)))
        say(f"{name}: {line(rows[-1])}")
    return rows


def _cold(ground: Ground, amount: Amount) -> list[Json]:
    given = ground.files[KINDS[0].name]
    rows: list[Json] = []
    for name, trusted in (("lists empty", ground.trusted), (f"{REVOKED:,}", ground.crowded)):
        found = cold(given, trusted, amount.cold)
        middle = {
            f"{part}_ms": milliseconds(found[part], 0.5) for part in ("read", "first", "warm")
        }
        rows.append({"name": name, **middle})
    return rows


async def _beside(ground: Ground, amount: Amount, way: Way, say: Callable[[str], None]) -> Json:
    bad: list[Path] = []
    for number, content in enumerate(poison.poisons(amount.poison)):
        bad.append(ground.folder / f"poison.{number}.pdf")
        bad[-1].write_bytes(content)
    calm, foul = await poison.poisoned(
        Present(ground.trusted, dt.datetime.now(dt.UTC)),
        amount.limits,
        ([path for path, _ in ground.files[KINDS[0].name]], bad),
        rate=amount.rate,
        seconds=amount.seconds,
        rounds=amount.rounds,
        most_beside=way.most_beside,
        validated=way.validated,
        say=say,
    )
    return delayed(way.name, calm, foul, promised=way.most_beside > 0)


def measured(folder: Path, amount: Amount, say: Callable[[str], None]) -> Json:
    """Measure everything once."""
    ground = prepare(folder, say)
    rows = _pairs(ground, amount, say)
    cold = _cold(ground, amount)
    say("memory of a worker …")
    given = [one for kind in KINDS for one in ground.files[kind.name]]
    present = Present(ground.trusted, dt.datetime.now(dt.UTC))
    kept = asyncio.run(memory(given, present, amount.memory))
    beside = [asyncio.run(_beside(ground, amount, way, say)) for way in WAYS]
    return {"kinds": rows, "cold": cold, "memory": kept, "beside": beside}


def main() -> int:
    """Measure and tell; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.signing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute")
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    given = parser.parse_args()
    quick = given.quick or os.environ.get("QUICK", "") not in {"", "0"}
    amount = TINY if given.tiny else QUICK if quick else WHOLE
    logging.getLogger("pyhanko").setLevel(logging.ERROR)  # it warns that nothing is fetched
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="bench-signing-") as folder:
        told = measured(Path(folder), amount, say)
    print(json.dumps(told, ensure_ascii=False))
    print(table(told))
    print(summary(told), flush=True)
    return 0 if given.tiny or sound(told) else 1


if __name__ == "__main__":
    sys.exit(main())
