"""One of a run's stacks: what falls to it, what was done with it, what was counted."""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tests.proof.checker import Counts
from tests.proof.drive import planned
from tests.proof.faults.failpoints import Point
from tests.proof.faults.fault import Fault
from tests.proof.faults.plan import Extent, one_broker, share, three_brokers
from tests.proof.harness import Harness
from tests.proof.journal import lines
from tests.proof.ledger import Ledger, wanting
from tests.proof.records import WORK

TREE = Path(__file__).resolve().parents[2]


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
        return Harness(self.folder / "stack", TREE)

    @property
    def ledger(self) -> Ledger:
        """Return the account of its passes."""
        return Ledger(self.folder / "passes.jsonl", self.commit)

    @property
    def trials(self) -> int:
        """Return at how many moments something was killed."""
        counted = self._kept("counts.json") or {}
        return counted["trials"] if "trials" in counted else self._kills()

    def faults(self, points: Sequence[Point]) -> list[Fault]:
        """Return what falls to this stack; `points`: all fail points of the tree."""
        if self.brokers > 1:
            return three_brokers(self.extent)
        every = one_broker(self.extent, points)
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
        # Those that an earlier checker has written may lack some, and have others.
        known = {one.name: found[one.name] for one in fields(Counts) if one.name in found}
        return replace(Counts(**known), findings=tuple(found["findings"]))

    def write(self, counts: Counts) -> None:
        """Keep what was counted."""
        self._keep("counts.json", {"trials": self._kills(), **asdict(counts)})

    def _kills(self) -> int:
        return sum(line.get("e") == "kill" for line in lines(self.folder / "journal" / WORK))

    def publish(self, where: Path) -> None:
        """Lay what was planned, done and counted into a folder of its name."""
        (where / self.folder.name).mkdir(parents=True, exist_ok=True)
        for name in ("plan.json", "passes.jsonl", "counts.json"):
            shutil.copy(self.folder / name, where / self.folder.name)

    def _keep(self, name: str, what: dict[str, Any]) -> None:
        text = json.dumps(what, ensure_ascii=False, indent=1)
        (self.folder / name).write_text(text, encoding="utf-8")

    def _kept(self, name: str) -> dict[str, Any] | None:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None


def total(counted: Iterable[Counts]) -> Counts:
    """Add up what was counted on several stacks."""
    counts = [*counted]
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
    """Return what a run lacks of what it owes; `names`: of all faults that there are now."""
    plan = {name: count for stage in stages for name, count in stage.planned().items()}
    found = [f"{name}: planned for no stack" for name in names if name not in plan]
    found += wanting(plan, [one for stage in stages for one in stage.ledger.passes()])
    if not any(stage.ledger.passes() for stage in stages):
        found.append("no fault was inflicted")
    if counts.docs < extent.documents:
        found.append(f"{counts.docs} documents of {extent.documents}")
    if counts.kills < extent.kills:
        found.append(f"{counts.kills} kills of {extent.kills}")
    return [*found, *_held(stages)]


def _held(stages: Sequence[Stage]) -> Iterator[str]:
    """Yield each stack on which documents lost their place though signing was able to tell."""
    for stage in stages:
        counts = stage.counted()
        if counts is not None and (wrong := counts.held - counts.doubted) > 0:
            yield f"{stage.folder.name}: {wrong} held with no fault that keeps signing from telling"
