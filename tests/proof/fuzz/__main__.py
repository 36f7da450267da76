"""`make fuzz`: hostile input at every door of a running stack, and what it does to the others."""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.proof.fuzz import shots
from tests.proof.fuzz.broker import kafka
from tests.proof.fuzz.doors import HUB, RECIPIENT, SENDER, Doors
from tests.proof.fuzz.generated import generated
from tests.proof.fuzz.memory import LIMIT_MB, Memory
from tests.proof.fuzz.papers import papers
from tests.proof.fuzz.prepare import TREE, letter, prepare
from tests.proof.fuzz.slow import slow
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.volley import scene, volley
from tests.proof.fuzz.waits import READERS, leases, streams

WHOLE = 100_000
"""Requests at least, of a whole run."""
_CALLERS = (SENDER, RECIPIENT, HUB, "operator", "registrar", *READERS)


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its stack, its seed, how much of everything."""

    doors: Doors
    tally: Tally
    memory: Memory
    seed: int
    share: float
    """1 for a whole run."""
    seconds: float
    """How long one part of plain requests may take."""
    pdf: bytes

    def dice(self, part: str) -> random.Random:
        """Return the chance of one part, the same for the same seed."""
        return random.Random(f"{self.seed}/{part}")  # noqa: S311 (to be repeated)

    def some(self, count: int) -> int:
        """Return this run's share of a count, at least one."""
        return max(1, round(count * self.share))


def _volleys(run: Run) -> dict[str, Iterator[Shot]]:
    """Return the parts that are requests one after another."""
    doors, dice, some = run.doors, run.dice, run.some
    return {
        "odd JSON": shots.json_texts(doors, dice("json")),
        "bodies": shots.json_changes(doors, dice("body"), some(40_000)),
        "forms": shots.form_shots(doors, dice("form"), some(6_000)),
        "uploads": shots.upload_shots(doors, dice("upload"), some(3_000)),
        "addresses": shots.address_shots(doors, dice("address"), some(25_000)),
        "heads": shots.head_shots(doors, dice("head"), some(15_000)),
        "tokens": shots.public_shots(doors, dice("public"), some(6_000)),
    }


def _scenes(run: Run) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the parts that are more than requests."""
    doors, tally, some = run.doors, run.tally, run.some
    return {
        "schemathesis": lambda: asyncio.to_thread(generated, doors, tally, run.seed, some(25)),
        "slow clients": lambda: slow(doors, tally, some(10)),
        "kafka": lambda: kafka(doors, tally, run.dice("kafka"), some(300)),
        "leases": lambda: leases(doors, tally, some(200)),
        "streams": lambda: streams(doors, tally, run.pdf, some(900), some(100)),
        "letters": lambda: papers(doors, tally, run.pdf, run.dice("pdf"), some(180)),
    }


def _for(found: Iterator[Shot], seconds: float) -> Iterator[Shot]:
    """Yield what there is within this time."""
    end = time.monotonic() + seconds
    return takewhile(lambda _: time.monotonic() < end, found)


async def _take(run: Run, only: str) -> None:
    wanted = {name.strip() for name in only.split(",")}
    for name, found in _volleys(run).items():
        if not only or name in wanted:
            with scene(run.tally, name):
                await volley(run.doors, run.tally, _for(found, run.seconds))
    for name, part in _scenes(run).items():
        if not only or name in wanted:
            with scene(run.tally, name):
                await part()


@asynccontextmanager
async def _begun(folder: Path, how: argparse.Namespace) -> AsyncGenerator[Run]:
    doors = Doors.of(folder)
    await doors.renew(_CALLERS)
    await doors.learn()
    pdf = await asyncio.to_thread(letter, folder)
    await prepare(doors, pdf)
    tally = Tally(folder / "fuzz-found", how.seed)
    run = Run(doors, tally, Memory(folder), how.seed, how.share, how.seconds, pdf)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(doors.keep_renewing(_CALLERS)),
            group.create_task(run.memory.watch()),
        ]
        yield run
        for task in tasks:
            task.cancel()
    run.memory.look()


async def _fuzz(folder: Path, how: argparse.Namespace) -> bool:
    began = time.monotonic()
    async with _begun(folder, how) as run:
        await _take(run, how.only)
    tally, memory = run.tally, run.memory
    highest = max(memory.highest.values())
    print(f"statuses (0: ended): {tally.seen()}")
    print("kinds: " + " ".join(f"{name}×{count}" for name, count in sorted(tally.kinds.items())))
    print(
        f"memory in MB, at most {LIMIT_MB} each: {memory.line()}; deaths: {memory.deaths or 'none'}"
    )
    print(
        f"FUZZ requests={tally.requests} 5xx={tally.server_errors} hangs={tally.hangs} "
        f"rss_max_mb={highest:.0f} 503={tally.unavailable} 429={tally.statuses[429]} "
        f"cut={tally.cuts} broken={tally.wrong} seed={how.seed} "
        f"seconds={time.monotonic() - began:.0f}",
        flush=True,
    )
    enough = bool(how.only) or how.share < 1 or tally.requests >= WHOLE
    return enough and tally.good() and highest <= LIMIT_MB and not memory.deaths


def _stack(word: str) -> None:
    command = [sys.executable, "-m", "infra.stack", word]
    subprocess.run(command, cwd=TREE, check=True, stdin=subprocess.DEVNULL)


def main() -> int:
    """Run it; the exit status is 0 only when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=20_261_126)
    parser.add_argument("--share", type=float, default=1.0, help="how much of a whole run")
    parser.add_argument("--only", default="", help="parts by name, with commas between")
    parser.add_argument("--seconds", type=float, default=3_600, help="for each plain part")
    parser.add_argument("--quick", action="store_true", help="a slice of a minute")
    given = parser.parse_args()
    if given.quick:
        given.share, given.seconds = 0.012, 3.0
    os.environ.setdefault("LIENTHONG_RUN", str(TREE / ".run-fuzz"))
    folder = Path(os.environ["LIENTHONG_RUN"]).resolve()
    print(f"seed {given.seed}, share {given.share:g}, what is found lies in {folder}/fuzz-found")
    _stack("up")
    try:
        good = asyncio.run(_fuzz(folder, given))
    finally:
        if os.environ.get("KEEP", "") in ("", "0"):
            _stack("down")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
