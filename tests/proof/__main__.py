"""`python -m tests.proof`: what `make prove` runs. QUICK=1: each fault once; SEEDED=1: the checker.

A whole run goes on where it was broken off (`$PROOF_RUN`), or with RESUME=1 after what `proof/`
holds. KEEP=1: the stack stays. ONLY=pattern: some faults, anew and apart: no proof.
"""

import asyncio
import fcntl
import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.proof.checker import Counts, line
from tests.proof.drive import Drive
from tests.proof.faults.disks import undo
from tests.proof.faults.failpoints import listed
from tests.proof.faults.fault import Fault
from tests.proof.faults.plan import QUICK, WHOLE, Extent
from tests.proof.faults.storage import mend
from tests.proof.harness import Harness, NotDone, proof_run
from tests.proof.page import Ran, commit, over_bound, page, recoveries
from tests.proof.session import Session, proving, settle
from tests.proof.stage import TREE, Stage, short, stacks, total

_WORD_EVERY = 60
_PUBLISHED = "proof"
"""In the tree beside the page: the passes and counts that it is made of."""


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


async def _go_through(stage: Stage, faults: Sequence[Fault], wanted: int) -> Counts:
    """Take one stack through its faults and count; what was done before is not done again.

    The load goes on after them until `wanted` documents were handed in.
    """
    extent, harness = stage.extent, stage.harness
    stage.folder.mkdir(parents=True, exist_ok=True)
    await undo(harness)
    mend(harness)
    await harness.down()  # what was broken off runs on: with the code that the tree held then
    print(f"starts a stack with {stage.brokers} brokers in {harness.run}", flush=True)
    await harness.up(f"BROKERS={stage.brokers}")
    stage.plan(faults)
    async with proving(harness, extent.load, stage.folder / "journal") as session:
        await Drive(harness, session, stage.ledger, extent.passes).through(faults)
        await _load_on(session, wanted)
    print("waits for quiet and counts", flush=True)
    counts = await settle(harness, stage.folder / "journal")
    if wrong := await harness.audit():
        named = (*counts.findings, f"corrupt: the audit: {wrong}")
        counts = replace(counts, corrupt=counts.corrupt + 1, findings=named)
    if not _set("KEEP"):
        await harness.down()
    stage.write(counts)
    return counts


async def _prove(extent: Extent, run: Path) -> int:
    began, now = time.monotonic(), commit(TREE)
    stages = stacks(extent, run, now)
    points = await listed(stages[0].harness)
    due = {stage: [one for one in stage.faults(points) if _is_due(one)] for stage in stages}
    names = [fault.name for faults in due.values() for fault in faults]
    counted: dict[Stage, Counts] = {}
    wrong = True
    for stage in stages:
        left = len(stages) - len(counted)
        wanted = -(-(extent.documents - total(counted.values()).docs) // left)
        counted[stage] = stage.counted() or await _go_through(stage, due[stage], wanted)
        if place(run).parent == TREE:
            stage.publish(TREE / _PUBLISHED)
        wrong = _shown(extent, run, counted, names, seconds=time.monotonic() - began, now=now)
    (run / "finished").touch()
    return 1 if wrong else 0


def _shown(
    extent: Extent,
    run: Path,
    counted: Mapping[Stage, Counts],
    names: Sequence[str],
    *,
    seconds: float,
    now: str,
) -> bool:
    """Write the page of what was counted so far, and say it; True when it is not as it has to be.

    A run that is broken off leaves a page that says what it lacks.
    """
    every = total(counted.values())
    passes = [one for stage in counted for one in stage.ledger.passes()]
    failed = [one for one in passes if one.failed]
    said = line(every, recoveries([one for one in passes if one.bound]))
    lacks = short(extent, every, [*counted], names)
    trials = sum(stage.trials for stage in counted)
    documents = {stage.folder.name: counts.docs for stage, counts in counted.items()}
    ran = Ran(_command(extent), said, seconds, now, trials, documents)
    where = place(run)
    where.write_text(page(ran, every, passes, lacks), encoding="utf-8")
    for word in [*over_bound(passes), *lacks, *every.findings]:
        print(f"  {word}")
    for one in failed:
        print(f"  {one.fault}: {one.failed}")
    print(f"prove: {seconds:.0f} s; {where}")
    print(said, flush=True)
    return bool(failed or lacks or not every.clean)


def _command(extent: Extent) -> str:
    words = ["make prove", "QUICK=1" if extent.quick else "", f"ONLY={_only()}" if _only() else ""]
    return " ".join(word for word in words if word)


def folder(extent: Extent) -> Path:
    """Return where a run keeps what it has done; one of some faults never meets a whole one."""
    return proof_run() / (("quick" if extent.quick else "whole") + ("-only" if _only() else ""))


def place(run: Path) -> Path:
    """Return where a run's page goes: only that of a whole run goes into the tree."""
    return (TREE if run.name == "whole" else run) / "PROOF.md"


def _only() -> str:
    return os.environ.get("ONLY", "")


def _is_due(fault: Fault) -> bool:
    return bool(re.search(_only(), fault.name))


def _fresh(run: Path, *, again: bool) -> None:
    """Begin anew, unless a run that was broken off goes on."""
    if not run.exists() or (not again and not (run / "finished").exists()):
        return
    for stack in run.glob("*/stack"):
        env = {**os.environ, "LIENTHONG_RUN": str(stack)}
        subprocess.run(
            [sys.executable, "-m", "infra.stack", "down"], cwd=TREE, env=env, check=False
        )
        asyncio.run(undo(Harness(stack, TREE)))  # a small disk that was left mounted
    shutil.rmtree(run)


def take_over(run: Path) -> None:
    """Begin with what the tree says was counted elsewhere."""
    half = run.with_name("half")
    shutil.rmtree(half, ignore_errors=True)
    for counts in (TREE / _PUBLISHED).glob("*/counts.json"):
        shutil.copytree(counts.parent, half / counts.parent.name)
    if half.exists():
        half.rename(run)


def _set(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def main() -> int:
    """Prove what the environment says."""
    if _set("SEEDED"):
        return subprocess.run([sys.executable, "-m", "tests.proof.seeded"], check=False).returncode
    tools = [sys.executable, "-m", "infra.prove_tools"]
    if subprocess.run(tools, cwd=TREE, check=False).returncode:
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
        if _set("RESUME") and run.name == "whole" and not run.exists():
            take_over(run)
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
