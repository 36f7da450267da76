"""`make fuzz SIGNING=1`: signed files changed in every way; none of them may be accepted.

`python -m tests.mutants --make part:number` writes one mutant again, from a corpus that was kept.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.mutants import corpus as corpora
from tests.mutants.corpus import MOST_BYTES
from tests.mutants.crew import Fault, Result, Task, run
from tests.mutants.plan import Plan

QUICK = {
    "flips": 300,
    "cuts": 60,
    "changes": 450,
    "beside-flips": 100,
    "beside-cuts": 50,
    "beside-changes": 200,
}
_TREE = Path(__file__).resolve().parents[2]
_ENGINE = "tests.mutants.judging:engine"
_WORD_EVERY = 10.0
_KEPT_OF_EACH = 5
"""Faults of one kind that are written down; the others are counted."""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _progress(whole: int) -> Callable[[Result], None]:
    began = spoke = time.monotonic()

    def tell(result: Result) -> None:
        nonlocal spoke
        if time.monotonic() - spoke > _WORD_EVERY:
            spoke = time.monotonic()
            kinds = " ".join(f"{name}={count}" for name, count in sorted(result.kinds.items()))
            _say(f"{spoke - began:6.0f} s  {result.mutants:,}/{whole:,}  {kinds}")

    return tell


def _keep(folder: Path, plan: Plan, fault: Fault) -> None:
    """Write a fault's bytes down, and say how to make them again."""
    mutant = plan.make(fault.part, fault.number)
    stem = folder / f"{fault.kind}-{fault.part}-{fault.number}"
    stem.with_suffix(".pdf" if mutant.signature is None else ".bin").write_bytes(mutant.content)
    if mutant.signature is not None:
        stem.with_suffix(".p7s").write_bytes(mutant.signature)
    _say(f"  {fault.kind} {fault.part}:{fault.number} seed {plan.seed}: {fault.detail}")


def _tell(result: Result, seconds: float) -> int:
    for why, count in sorted(result.harmless.items()):
        _say(f"  accepted, and nothing signed or shown is changed: {why} × {count:,}")
    ways = " ".join(f"{name}×{count}" for name, count in sorted(result.ways.items()))
    _say(f"  ways: {ways}")
    bad = [result.kinds[kind] for kind in ("accepted", "escaped", "hung")]
    _say(
        f"FUZZ SIGNING mutants={result.mutants} accepted_altered={bad[0]}"
        f" escaped_exceptions={bad[1]} hangs={bad[2]} seconds={seconds:.0f}"
    )
    return 1 if any(bad) or not result.mutants else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=20_261_126)
    parser.add_argument("--quick", action="store_true", help="a sample, less than a minute")
    parser.add_argument("--only", default="", help="parts, with commas between")
    parser.add_argument("--most", type=int, default=0, help="so many of each part at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cpu", type=int, default=20, help="seconds of CPU before it is a hang")
    parser.add_argument("--corpus", type=Path, help="one that was kept, instead of a new one")
    parser.add_argument("--judge", default=_ENGINE, help="module:name")
    parser.add_argument("--make", default="", help="part:number, written to the folder and judged")
    return parser.parse_args()


def _corpus(folder: Path, given: Path | None) -> Path:
    path = given or folder / "corpus.json"
    if given is None:
        corpora.save(corpora.make(folder), path)
    size = len(corpora.load(path).papers[0])
    _say(f"a letter of {size:,} bytes; corpus: {path}")
    if size > MOST_BYTES:
        raise SystemExit("the letter is too large")
    return path


def _counts(plan: Plan, given: argparse.Namespace) -> dict[str, int]:
    counts = plan.counts()
    if given.quick:
        counts = {part: min(count, QUICK[part]) for part, count in counts.items()}
    if given.most:
        counts = {part: min(count, given.most) for part, count in counts.items()}
    wanted = given.only.split(",") if given.only else list(counts)
    return {part: count for part, count in counts.items() if part in wanted}


def main() -> int:
    """Make, judge, tell; 1 when anything was accepted, escaped or hung."""
    given = _arguments()
    folder = Path(os.environ.get("LIENTHONG_RUN", _TREE / ".run-mutants")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    path = _corpus(folder, given.corpus)
    plan = Plan(corpora.load(path), given.seed)
    if given.make:
        part, _, number = given.make.partition(":")
        _keep(folder, plan, Fault("made", part, int(number), plan.make(part, int(number)).way))
        return 0
    counts = _counts(plan, given)
    tasks = [
        Task(path, given.seed, counts, given.judge, given.cpu, first, given.processes)
        for first in range(given.processes)
    ]
    began = time.monotonic()
    result = run(tasks, _progress(sum(counts.values())))
    found = folder / "found"
    found.mkdir(exist_ok=True)
    kept: Counter[str] = Counter()
    for fault in result.faults:
        name = f"{fault.kind} {fault.detail}"
        kept[name] += 1
        if kept[name] <= _KEPT_OF_EACH:
            _keep(found, plan, fault)
    for name, count in kept.most_common():
        _say(f"  {count:,} × {name}")
    return _tell(result, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
