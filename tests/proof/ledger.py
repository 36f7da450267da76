"""What a run has done so far, a line per pass, fsync'd: a run that was broken off goes on."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pass:
    """One fault, inflicted once."""

    fault: str
    group: str
    bound: float = 0
    """Seconds promised for p95 of its group; 0: none."""
    seconds: float = 0
    """To recovery."""
    failed: str = ""
    """Why it did not come to its end; empty: it did."""
    commit: str = ""
    """What the tree was at, as git describes it."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The passes of one run in one file."""

    file: Path
    commit: str = ""
    """Of the tree as it is now: each pass that is written bears it."""

    def passes(self) -> list[Pass]:
        """Return all so far; a line that a crash cut short was never written."""
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found: list[Pass] = []
        for line in lines:
            try:
                found.append(Pass(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found

    def done(self, fault: str) -> int:
        """Return how often a fault came to its end; a pass that failed stays, and is due again."""
        return sum(one.fault == fault and not one.failed for one in self.passes())

    def write(self, one: Pass) -> None:
        """Write a pass down before anything else happens."""
        with self.file.open("a", encoding="utf-8") as file:
            file.write("\n" if self._cut() else "")
            file.write(
                json.dumps(asdict(replace(one, commit=self.commit)), ensure_ascii=False) + "\n"
            )
            file.flush()
            os.fsync(file.fileno())

    def _cut(self) -> bool:
        raw = self.file.read_bytes() if self.file.exists() else b""
        return bool(raw) and not raw.endswith(b"\n")


def wanting(planned: Mapping[str, int], passes: Sequence[Pass]) -> list[str]:
    """Return each fault that lacks some of the passes that were planned for it."""
    good = Counter(one.fault for one in passes if not one.failed)
    return [
        f"{fault}: {good[fault]} of {count} passes"
        for fault, count in planned.items()
        if good[fault] < count
    ]
