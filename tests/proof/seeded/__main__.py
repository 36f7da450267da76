"""`python -m tests.proof.seeded [name …]`: what `make prove SEEDED=1` runs; all must be caught.

Beside them a control, without a bug and without a fault, must come out clean.
"""

import asyncio
import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.proof.harness import Harness, NotDone, proof_run
from tests.proof.seeded import copy
from tests.proof.seeded.bugs import BUGS, CONTROL, Bug
from tests.proof.seeded.one import try_out

_AT_ONCE = 2
_PATIENCE = 400.0
_ONE, _COMMON = "--one", "common"


async def _all(bugs: list[Bug], run: Path) -> list[bool]:
    """Try bugs out, some side by side, each in a process of its own; say which were as due."""
    room = asyncio.Semaphore(_AT_ONCE)
    print("makes keys and certificates once for all", flush=True)
    seed = ("--seed", "infra/seed/articles.csv")
    await _tell("infra.pki", "init", "--run", str(run / _COMMON), *seed)

    async def one(bug: Bug) -> bool:
        async with room:
            print(f"{bug.name}: begins", flush=True)
            return await _in_a_process(bug, run / bug.name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(bug)) for bug in bugs]
    return [task.result() for task in tasks]


async def _tell(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *words), cwd=copy.TREE, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise NotDone(f"{' '.join(words)}: exit {process.returncode}")


async def _in_a_process(bug: Bug, folder: Path) -> bool:
    await asyncio.to_thread(_fresh, folder)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.proof.seeded", _ONE, bug.name, str(folder)),
        cwd=copy.TREE,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            good = await process.wait() == 0
    except TimeoutError:
        word = bug.word(shown=False)
        print(f"{bug.name}: {word}: not at its end after {_PATIENCE:.0f} s", flush=True)
        good = False
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            with suppress(NotDone):
                await Harness(folder / "stack", folder / "tree").down()
    if good:
        shutil.rmtree(folder, ignore_errors=True)
    return good


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _one(name: str, folder: Path) -> int:
    """Try one bug out in this process."""
    bug = next(bug for bug in (*BUGS, CONTROL) if bug.name == name)
    try:
        verdict = asyncio.run(try_out(bug, folder, folder.parent / _COMMON / "pki"))
    except (copy.DoesNotApply, NotDone) as error:
        print(f"{name}: {bug.word(shown=False)}: {error}", flush=True)
        return 1
    print(verdict.words(), flush=True)
    if not verdict.good:
        for finding in verdict.counts.findings:
            print(f"  {finding}", flush=True)
    return 0 if verdict.good else 1


def main(words: list[str]) -> int:
    """Try out the bugs that are named, or all and the control."""
    if words[:1] == [_ONE]:
        return _one(words[1], Path(words[2]))
    known = [bug.name for bug in (*BUGS, CONTROL)]
    if unknown := [word for word in words if word not in known]:
        print(f"no such bug: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    bugs = [bug for bug in BUGS if not words or bug.name in words]
    began = time.monotonic()
    unfit = 0
    for bug in bugs:
        try:
            copy.check(copy.patch(bug.name))
        except copy.DoesNotApply as error:
            print(error, flush=True)
            unfit += 1
    if unfit:
        return 1
    control = [CONTROL] if not words or CONTROL.name in words else []
    good = asyncio.run(_all([*control, *bugs], proof_run() / "seeded"))
    print(f"prove: {time.monotonic() - began:.0f} s; what was not caught lies in its folder")
    for one, clean in zip(control, good, strict=False):
        print(f"{one.name}: {one.word(shown=clean)}")
    print(f"seeded={len(bugs)} caught={sum(good[len(control) :])}")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
