"""What a run has shown, as a page: figures, by group and by fault, with what they bound."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.proof.checker import Counts, percentile
from tests.proof.ledger import Pass

_WHAT = (
    "Written by `make prove`: what was broken, how often, and what an observer outside counted"
    " afterwards. No figure here was typed."
)
_RECOVERY = (
    "Recovery: seconds from the kill of a service, or from the return of PostgreSQL or Kafka,"
    " until the first document handed in after that is in a mailbox. A fault that lasts is"
    " measured from its end; everything at once and the supervisor from the kill."
)


@dataclass(frozen=True, slots=True)
class Ran:
    """One run's circumstances."""

    command: str
    line: str
    """The RELIABILITY line."""
    seconds: float
    commit: str
    trials: int
    """Moments at which something was killed: a power cut is one."""
    documents: Mapping[str, int]
    """How many each stack was handed."""


def page(ran: Ran, counts: Counts, passes: Sequence[Pass], lacks: Sequence[str]) -> str:
    """Return the page in Markdown; `lacks` is what the run still owes."""
    safe = not (counts.lost or counts.dup_effect)
    parts = [
        "# The proof",
        _WHAT,
        f"```\n{ran.line}\n```",
        _when(ran),
        _commits(passes),
        _stacks(ran.documents),
        bounds(counts, ran.trials),
        "## By kind of fault",
        table(passes, lambda one: one.group, bounded=safe),
        _RECOVERY,
        "## By fault",
        table(passes, lambda one: one.fault, bounded=safe),
    ]
    if failed := [one for one in passes if one.failed]:
        parts += ["## What did not come to its end"]
        parts += ["\n".join(f"* {one.fault}: {one.failed.splitlines()[0]}" for one in failed)]
    if late := over_bound(passes):
        parts += ["## What recovered later than is promised"]
        parts += ["\n".join(f"* {one}" for one in late)]
    if lacks:
        parts += ["## What this run lacks", "\n".join(f"* {one}" for one in lacks)]
    if counts.findings:
        parts += ["## What the checker names", "\n".join(f"* {one}" for one in counts.findings)]
    return "\n\n".join(parts) + "\n"


def bounds(counts: Counts, trials: int) -> str:
    """Say what the counts bound: 0 of n leaves at most 3/n, with 95 % confidence."""
    documents = max(counts.acked, 1)
    if counts.lost or counts.dup_effect:
        return "Something was lost or doubled: no bound follows from this run."
    return (
        f"{counts.kills} processes were killed at {trials} moments; what dies at one moment is one"
        f" trial. 0 documents lost or doubled in {trials} trials bounds the probability of it per"
        f" trial at {_three_in(trials):.2%}; 0 of {counts.acked} acknowledged documents at"
        f" 3/{documents} = {3 / documents:.1e} each (95 % confidence)."
    )


def _three_in(trials: int) -> float:
    return min(1, 3 / max(trials, 1))


def table(passes: Sequence[Pass], by: Callable[[Pass], str], *, bounded: bool) -> str:
    """Return one row for each kind, in order of first appearance.

    `bounded`: nothing was lost or doubled, so that each row's good passes bound the probability.
    """
    last = " 0 lost of n good: ≤ |" if bounded else ""
    rows = [f"| fault | passes | failed | recovery p50 s | p95 s | promised |{last}"]
    rows += ["|---" * (7 if bounded else 6) + "|"]
    for name in dict.fromkeys(by(one) for one in passes):
        some = [one for one in passes if by(one) == name]
        seconds = recoveries(some)
        half = f"{percentile(seconds, 50):.1f}" if seconds else "-"
        most = f"{percentile(seconds, 95):.1f}" if seconds else "-"
        promised = f"{some[0].bound:.0f}" if some[0].bound else "-"
        failed = len(some) - len(seconds)
        last = f" {_three_in(len(seconds)):.1%} |" if bounded else ""
        rows.append(f"| {name} | {len(some)} | {failed} | {half} | {most} | {promised} |{last}")
    return "\n".join(rows)


def recoveries(passes: Sequence[Pass]) -> list[float]:
    """Return the seconds to recovery of those that came to their end."""
    return [one.seconds for one in passes if not one.failed]


def over_bound(passes: Sequence[Pass]) -> list[str]:
    """Return each group whose recovery took longer than is promised for it."""
    found: list[str] = []
    promised = [one for one in passes if one.bound]
    for group in dict.fromkeys(one.group for one in promised):
        some = [one for one in promised if one.group == group]
        seconds = recoveries(some)
        if seconds and (most := percentile(seconds, 95)) > some[0].bound:
            found.append(f"{group}: recovery p95 {most:.1f} s, promised {some[0].bound:.0f} s")
    return found


def _when(ran: Ran) -> str:
    now = datetime.now(UTC)
    return (
        f"`{ran.command}`, {now:%Y-%m-%d %H:%M} UTC, {ran.seconds / 60:.0f} min,"
        f" commit {ran.commit}, {_machine()}."
    )


def _stacks(documents: Mapping[str, int]) -> str:
    told = ", ".join(f"{name} {count}" for name, count in documents.items())
    return f"Documents by stack, each counted by itself: {told}."


def _commits(passes: Sequence[Pass]) -> str:
    """Say which passes were made at which commit: a run may be gone on with after a change."""
    told = Counter(one.commit or "unknown" for one in passes)
    return "Passes by commit: " + ", ".join(f"{name} × {n}" for name, n in told.items()) + "."


def commit(tree: Path) -> str:
    """Return what a tree is at, as git describes it; what a run writes itself changes nothing."""
    at = _git(tree, "describe", "--always")
    changed = _git(tree, "status", "--porcelain", "-uno", "--", ".", ":!proof", ":!PROOF.md")
    return f"{at}-dirty" if at and changed else at or "unknown"


def _git(tree: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words],  # noqa: S607 (git of PATH)
        cwd=tree,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {memory} GiB,"
        f" Python {platform.python_version()}"
    )
