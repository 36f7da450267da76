"""Findings by counter: every one counts, the first of each are kept by name."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Counted: TypeAlias = Literal[
    "lost",
    "dup_effect",
    "reordered",
    "gaps",
    "phantom",
    "corrupt",
    "misdelivered",
    "unreceipted",
    "stuck",
    "refused",
    "held",
]
_NAMED = 20


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter[str])
    named: defaultdict[str, list[str]] = field(
        default_factory=lambda: defaultdict[str, list[str]](list)
    )

    def add(self, name: Counted, what: str) -> None:
        """Count one finding; say what and where."""
        self.counts[name] += 1
        if len(self.named[name]) < _NAMED:
            self.named[name].append(f"{name}: {what}")

    @property
    def findings(self) -> tuple[str, ...]:
        """Return the first findings of each counter."""
        return tuple(what for some in self.named.values() for what in some)
