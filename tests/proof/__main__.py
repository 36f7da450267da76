"""`python -m tests.proof`: what `make prove` runs. QUICK=1: each fault once; SEEDED=1: the checker.

A whole run goes on where it was broken off (`$PROOF_RUN`). KEEP=1: the stack stays, as it is.
ONLY=pattern: the faults whose name matches it, begun anew in a folder of their own: no proof.
"""

import asyncio
import fcntl
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tests.proof.checker import Counts, line
from tests.proof.drive import Drive, planned
from tests.proof.faults.disks import undo
from tests.proof.faults.failpoints import listed
from tests.proof.faults.fault import Fault
from tests.proof.faults.plan import (
    QUICK,
    WHOLE,
    Extent,
    may_refuse,
    one_broker,
    share,
    three_brokers,
)
from tests.proof.harness import Harness, NotDone, proof_run
from tests.proof.journal import lines
from tests.proof.ledger import Ledger, wanting
from tests.proof.page import Ran, commit, over_bound, page
from tests.proof.records import WORK
from tests.proof.session import Session, proving, settle

_TREE = Path(__file__).resolve().parents[2]
_WORD_EVERY = 60


@dataclass(frozen=True, slots=True)
class Stage:
    """One stack, and what it has to go through."""

    folder: Path
    brokers: int
    extent: Extent
    commit: str = ""
    number: int = 0
    """Of the stacks that share out what one broker suffers."""

    @property
    def harness(self) -> Harness:
        """Return its stack."""
        return Harness(self.folder / "stack", _TREE)

    @property
    def ledger(self) -> Ledger:
        """Return the account of its passes."""
        return Ledger(self.folder / "passes.jsonl", self.commit)

    @property
    def trials(self) -> int:
        """Return at how many moments something was killed."""
        return sum(line.get("e") == "kill" for line in lines(self.folder / "journal" / WORK))

    async def faults(self) -> list[Fault]:
        """Return what falls to this stack. Raises NotDone."""
        if self.brokers > 1:
            return three_brokers(self.extent)
        every = one_broker(self.extent, await listed(self.harness))
        return share(every, self.extent.passes, self.number, self.extent.stacks)

    def plan(self, faults: Sequence[Fault]) -> None:
        """Keep what is planned: faults, and the passes of each."""
        self._keep("plan.json", planned(faults, self.extent.passes))

    def planned(self) -> dict[str, int]:
        """Return what was planned; nothing when it has not begun."""
        return self._kept("plan.json") or {}

    def counted(self) -> Counts | None:
        """Return what its checker has counted; None: it has not come to its end."""
        found = self._kept("counts.json")
        if found is None:
            return None
        return replace(Counts(**found), findings=tuple(found["findings"]))

    def write(self, counts: Counts) -> None:
        """Keep what was counted."""
        self._keep("counts.json", asdict(counts))

    def _keep(self, name: str, what: dict[str, Any]) -> None:
        text = json.dumps(what, ensure_ascii=False, indent=1)
        (self.folder / name).write_text(text, encoding="utf-8")

    def _kept(self, name: str) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None


async def _load_on(session: Session, wanted: int) -> None:
    """Let the load go on until so many documents were handed in."""
    while session.accepted < wanted:
        before, began = session.accepted, time.monotonic()
        try:
            async with asyncio.timeout(_WORD_EVERY):
                await session.until_accepted(wanted - session.accepted)
        except TimeoutError:
            rate = (session.accepted - before) / (time.monotonic() - began)
            print(f"  load goes on: {session.accepted}/{wanted} ({rate:.1f}/s)", flush=True)


async def _go_through(stage: Stage, wanted: int) -> Counts:
    """Take one stack through its faults and count; what was done before is not done again.

    The load goes on after them until `wanted` documents were handed in.
    """
    extent, harness = stage.extent, stage.harness
    stage.folder.mkdir(parents=True, exist_ok=True)
    await undo(harness)
    print(f"starts a stack with {stage.brokers} brokers in {harness.run}", flush=True)
    await harness.up(f"BROKERS={stage.brokers}")
    faults = [fault for fault in await stage.faults() if re.search(_only(), fault.name)]
    stage.plan(faults)
    async with proving(harness, extent.load, stage.folder / "journal") as session:
        await Drive(harness, session, stage.ledger, extent.passes).through(faults)
        await _load_on(session, wanted)
    print("waits for quiet and counts", flush=True)
    counts = await settle(harness, stage.folder / "journal", may_refuse=may_refuse(faults))
    if not _set("KEEP"):
        await harness.down()
    stage.write(counts)
    return counts


def total(counts: list[Counts]) -> Counts:
    """Add up what was counted on several stacks."""
    numbers: dict[str, Any] = {
        field.name: sum(getattr(one, field.name) for one in counts)
        for field in fields(Counts)
        if field.name != "findings"
    }
    every = Counts(**numbers)
    return replace(every, findings=tuple(word for one in counts for word in one.findings))


def stacks(extent: Extent, run: Path, now: str) -> list[Stage]:
    """Return the stacks of a run, in the order in which they are gone through."""
    if extent.quick:
        return [Stage(run / "one", 1, extent, now)]
    shares = [Stage(run / f"one-{n + 1}", 1, extent, now, n) for n in range(extent.stacks)]
    return [Stage(run / "three", 3, extent, now), *shares]


def short(
    extent: Extent, counts: Counts, stages: Sequence[Stage], names: Iterable[str]
) -> list[str]:
    """Return what a run lacks of what was planned for it; `names`: of all faults there are now."""
    plan = {name: count for stage in stages for name, count in stage.planned().items()}
    found = [f"{name}: planned for no stack" for name in names if name not in plan]
    found += wanting(plan, [one for stage in stages for one in stage.ledger.passes()])
    if not any(stage.ledger.passes() for stage in stages):
        found.append("no fault was inflicted")
    if counts.docs < extent.documents:
        found.append(f"{counts.docs} documents of {extent.documents}")
    if counts.kills < extent.kills:
        found.append(f"{counts.kills} kills of {extent.kills}")
    return found


async def _prove(extent: Extent, run: Path) -> int:
    began, now = time.monotonic(), commit(_TREE)
    stages = stacks(extent, run, now)
    counts: list[Counts] = []
    for stage in stages:
        left = len(stages) - len(counts)
        wanted = -(-(extent.documents - total(counts).docs) // left)
        counts.append(stage.counted() or await _go_through(stage, wanted))
    names = [fault.name for stage in stages for fault in await stage.faults()]
    passes = [one for stage in stages for one in stage.ledger.passes()]
    every = total(counts)
    said = line(every, [one.seconds for one in passes if one.bound and not one.failed])
    lacks = short(extent, every, stages, [name for name in names if re.search(_only(), name)])
    trials = sum(stage.trials for stage in stages)
    documents = {stage.folder.name: one.docs for stage, one in zip(stages, counts, strict=True)}
    ran = Ran(_command(extent), said, time.monotonic() - began, now, trials, documents)
    where = place(run)
    where.write_text(page(ran, every, passes, lacks), encoding="utf-8")
    (run / "finished").touch()
    for word in [*over_bound(passes), *lacks, *every.findings]:
        print(f"  {word}")
    failed = [one for one in passes if one.failed]
    for one in failed:
        print(f"  {one.fault}: {one.failed}")
    print(f"prove: {ran.seconds:.0f} s; {where}")
    print(said)
    return 1 if failed or lacks or not every.clean else 0


def _command(extent: Extent) -> str:
    words = ["make prove", "QUICK=1" if extent.quick else "", f"ONLY={_only()}" if _only() else ""]
    return " ".join(word for word in words if word)


def folder(extent: Extent) -> Path:
    """Return where a run keeps what it has done; one of some faults never meets a whole one."""
    return proof_run() / (("quick" if extent.quick else "whole") + ("-only" if _only() else ""))


def place(run: Path) -> Path:
    """Return where a run's page goes: only that of a whole run goes into the tree."""
    return (_TREE if run.name == "whole" else run) / "PROOF.md"


def _only() -> str:
    return os.environ.get("ONLY", "")


def _fresh(run: Path, *, again: bool) -> None:
    """Begin anew, unless a run that was broken off goes on."""
    if not run.exists() or (not again and not (run / "finished").exists()):
        return
    for stack in run.glob("*/stack"):
        env = {**os.environ, "LIENTHONG_RUN": str(stack)}
        subprocess.run(
            [sys.executable, "-m", "infra.stack", "down"], cwd=_TREE, env=env, check=False
        )
        asyncio.run(undo(Harness(stack, _TREE)))  # a small disk that was left mounted
    shutil.rmtree(run)


def _set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def main() -> int:
    """Prove what the environment says."""
    if _set("SEEDED"):
        return subprocess.run([sys.executable, "-m", "tests.proof.seeded"], check=False).returncode
    tools = [sys.executable, "-m", "infra.prove_tools"]
    if subprocess.run(tools, cwd=_TREE, check=False).returncode:
        return 1
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of each fault we inflict
    extent = QUICK if _set("QUICK") else WHOLE
    if _only():
        extent = replace(extent, documents=0, kills=0, stacks=1)
    run = folder(extent)
    run.parent.mkdir(parents=True, exist_ok=True)
    # Two observers with one journal would give two documents the same number.
    with (run.parent / f"{run.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another proof is at work in {run}", file=sys.stderr)
            return 1
        _fresh(run, again=bool(_only()) or (extent.quick and not _set("KEEP")))
        return _to_its_end(extent, run)


def _to_its_end(extent: Extent, run: Path) -> int:
    try:
        return asyncio.run(_prove(extent, run))
    except NotDone as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `make prove` goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
