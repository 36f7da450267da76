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
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tests.proof.checker import Counts, line
from tests.proof.drive import Drive, planned
from tests.proof.faults.disks import undo
from tests.proof.faults.failpoints import listed
from tests.proof.faults.fault import Fault
from tests.proof.faults.plan import QUICK, WHOLE, Extent, may_refuse, one_broker, three_brokers
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

    def plan(self, faults: Sequence[Fault]) -> None:
        """Keep what is planned: faults, and the passes of each."""
        text = json.dumps(planned(faults, self.extent.passes), ensure_ascii=False, indent=1)
        (self.folder / "plan.json").write_text(text, encoding="utf-8")

    def lacks(self) -> list[str]:
        """Return which planned passes are not there."""
        try:
            plan = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return [f"{self.folder.name}: no plan was kept"]
        return wanting(plan, self.ledger.passes())

    def counted(self) -> Counts | None:
        """Return what its checker has counted; None: it has not come to its end."""
        try:
            found = json.loads((self.folder / "counts.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return replace(Counts(**found), findings=tuple(found["findings"]))

    def write(self, counts: Counts) -> None:
        """Keep what was counted."""
        whole = json.dumps(asdict(counts), ensure_ascii=False)
        (self.folder / "counts.json").write_text(whole, encoding="utf-8")


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

    The load of one broker goes on after them until `wanted` documents were handed in.
    """
    extent, harness = stage.extent, stage.harness
    stage.folder.mkdir(parents=True, exist_ok=True)
    await undo(harness)
    print(f"starts a stack with {stage.brokers} brokers in {harness.run}", flush=True)
    await harness.up(f"BROKERS={stage.brokers}")
    if stage.brokers > 1:
        faults = three_brokers(extent)
    else:
        faults = one_broker(extent, await listed(harness))
    faults = [fault for fault in faults if re.search(_only(), fault.name)]
    stage.plan(faults)
    async with proving(harness, extent.load, stage.folder / "journal") as session:
        await Drive(harness, session, stage.ledger, extent.passes).through(faults)
        if stage.brokers == 1:
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


def short(extent: Extent, counts: Counts, stages: Sequence[Stage]) -> list[str]:
    """Return what a run lacks of what was planned for it."""
    found = [word for stage in stages for word in stage.lacks()]
    if not any(stage.ledger.passes() for stage in stages):
        found.append("no fault was inflicted")
    if counts.docs < extent.documents:
        found.append(f"{counts.docs} documents of {extent.documents}")
    if counts.kills < extent.kills:
        found.append(f"{counts.kills} kills of {extent.kills}")
    return found


async def _prove(extent: Extent, run: Path) -> int:
    began, now = time.monotonic(), commit(_TREE)
    stages = [Stage(run / "one", 1, extent, now)]
    if not extent.quick:  # the shorter one first
        stages.insert(0, Stage(run / "three", 3, extent, now))
    counts: list[Counts] = []
    for stage in stages:
        wanted = extent.documents - total(counts).docs
        counts.append(stage.counted() or await _go_through(stage, wanted))
    passes = [one for stage in stages for one in stage.ledger.passes()]
    every = total(counts)
    said = line(every, [one.seconds for one in passes if one.bound and not one.failed])
    lacks = short(extent, every, stages)
    trials = sum(stage.trials for stage in stages)
    ran = Ran(_command(extent), said, time.monotonic() - began, now, trials)
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
        extent = replace(extent, documents=0, kills=0)
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
