"""What became of every document: counts what each promise forbids, from an observer's facts."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from tests.proof.history import History
from tests.proof.judging import KEPT, Facts
from tests.proof.presence import THERE, none_refused
from tests.proof.tally import Tally

FORBIDDEN = (
    "lost",
    "dup_effect",
    "reordered",
    "gaps",
    "phantom",
    "corrupt",
    "misdelivered",
    "unreceipted",
    "stuck",
)
"""Counters that have to be 0; `held` too, in runs without a fault that slows a file."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a checker counted."""

    docs: int = 0
    """Documents that were handed in, refused ones included."""
    deliveries: int = 0
    """Entries that stand in the mailboxes."""
    acked: int = 0
    """Documents that the exchange acknowledged."""
    kills: int = 0
    lost: int = 0
    dup_effect: int = 0
    reordered: int = 0
    gaps: int = 0
    phantom: int = 0
    corrupt: int = 0
    misdelivered: int = 0
    unreceipted: int = 0
    stuck: int = 0
    held: int = 0
    refused: int = 0
    """Documents of the load and copies of them that were refused for good; all are valid."""
    excused: int = 0
    """Those of them with a code that a fault of the run may give."""
    unknown_resolved: int = 0
    receipts: int = 0
    """Receipts that were verified offline."""
    findings: tuple[str, ...] = ()
    """The first of them by name, with the place."""

    @property
    def clean(self) -> bool:
        """Say whether nothing forbidden was counted (`held` is judged by who knows the faults)."""
        return self.refused <= self.excused and not any(getattr(self, name) for name in FORBIDDEN)


def check(history: History, may_refuse: AbstractSet[str] = frozenset()) -> Counts:
    """Count what became of every document; `may_refuse`: codes that a fault of the run may give."""
    facts, tally = Facts.of(history), Tally()
    for promise in (*KEPT, *THERE):
        promise(facts, tally)
    refused, excused = none_refused(facts, tally, may_refuse)
    acknowledged = list(facts.acknowledged())
    return Counts(
        docs=len(history.invocations),
        deliveries=len(history.entries),
        acked=len(acknowledged),
        kills=history.kills,
        **{name: tally.counts[name] for name in FORBIDDEN},
        held=sum(one.held for one in history.standings.values()),
        refused=refused,
        excused=excused,
        unknown_resolved=len(history.resolved),
        receipts=len({one.delivery for one in history.receipts if not one.fault}),
        findings=tally.findings,
    )


def line(counts: Counts, recovery: Sequence[float] = ()) -> str:
    """Return the one line; `recovery` are seconds from a fault to the next document's arrival."""
    names = ("docs", "deliveries", "acked", "kills", *FORBIDDEN, "held", "refused")
    words = [f"{name}={getattr(counts, name)}" for name in names]
    worst = f"{percentile(recovery, 95):.1f}" if recovery else "-"
    return " ".join(["RELIABILITY", *words, f"recovery_p95_s={worst}"])


def percentile(values: Sequence[float], part: float) -> float:
    """Return a percentile by nearest rank. Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(len(values) * part / 100) - 1)]
