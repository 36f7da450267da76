"""What became of every document: counts what each promise forbids, from an observer's facts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.proof.history import History
from tests.proof.judging import KEPT, Facts
from tests.proof.presence import THERE, none_held, none_refused
from tests.proof.senders import SHOWN
from tests.proof.tally import Tally
from tests.proof.withdrawals import WITHDRAWN

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
"""Counters that have to be 0; so have `refused`, and `held` but for what was `doubted`."""


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
    """Documents that lost their place, and whose senders were told."""
    doubted: int = 0
    """Those of them that were under way while a fault made signing unable to tell."""
    refused: int = 0
    """Documents of the load and copies of them that were refused for good; all are valid."""
    unknown_resolved: int = 0
    receipts: int = 0
    """Receipts that were verified offline."""
    findings: tuple[str, ...] = ()
    """The first of them by name, with the place."""

    @property
    def clean(self) -> bool:
        """Say whether nothing forbidden was counted."""
        wrong = self.refused or self.held > self.doubted
        return not wrong and not any(getattr(self, name) for name in FORBIDDEN)


def check(history: History) -> Counts:
    """Count what became of every document."""
    facts, tally = Facts.of(history), Tally()
    for promise in (*KEPT, *THERE, *SHOWN, *WITHDRAWN):
        promise(facts, tally)
    refused = none_refused(facts, tally)
    held, doubted = none_held(facts, tally)
    acknowledged = list(facts.acknowledged())
    return Counts(
        docs=len(history.invocations),
        deliveries=len(history.entries),
        acked=len(acknowledged),
        kills=history.kills,
        **{name: tally.counts[name] for name in FORBIDDEN},
        held=held,
        doubted=doubted,
        refused=refused,
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
