"""A stretch of load with its readers, and the settling of accounts after it."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tests.proof.checker import Counts
from tests.proof.harness import Harness

Probe: TypeAlias = Literal["signature", "status", "subscription", "draft", "client"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much load, of what shape. Weights need no sum."""

    rate: float = 2.0
    """Documents per second at fixed moments; 0: none."""
    workers: int = 3
    """Senders of the closed loop: each hands in its next document when the last one arrived."""
    sizes: tuple[tuple[int, float], ...] = ((30_000, 50), (120_000, 40), (1_000_000, 8))
    """Bytes of a file, and how often; every `large_every`th has 5 MB."""
    large_every: int = 50
    recipients: tuple[tuple[int, float], ...] = ((1, 55), (2, 25), (4, 15), (8, 5))
    """Addressees, and how often; every `wide_every`th goes to 172."""
    wide_every: int = 100
    urgent: float = 0.25
    """Part of the documents that is urgent."""
    seed: int = 1
    extras: bool = True
    """Also sign by kept keys, report statuses, subscribe: so that their fail points are passed."""


@dataclass(slots=True)
class Session:
    """Load that runs while it is lent."""

    harness: Harness
    plan: Plan
    journal: Path
    accepted: int = 0
    """Documents acknowledged so far, by this session."""
    troubles: Counter[str] = field(default_factory=Counter[str])
    """Answers that had to be tried again, by status or kind of error: what a client sees."""

    async def until_accepted(self, n: int) -> None:
        """Return when n more documents have been acknowledged."""
        raise NotImplementedError

    async def recovered(self, since: float, timeout: float) -> float:  # noqa: ASYNC109 (seconds of patience)
        """Return the seconds from `since` (monotonic) until a document begun after it has arrived.

        It hands in documents of its own for that, so the load's state does not matter. Raises
        TimeoutError after `timeout` seconds.
        """
        raise NotImplementedError

    async def probe(self, kind: Probe) -> None:
        """Pass once through what the load passes seldom, with retries until it has ended well."""
        raise NotImplementedError

    def killed(self, n: int = 1) -> None:
        """Write down that n processes were killed: it goes into the line."""
        raise NotImplementedError


@asynccontextmanager
async def proving(harness: Harness, plan: Plan, journal: Path) -> AsyncGenerator[Session]:
    """Run load and readers for the length of a `with`; `journal` is a folder that is gone on with.

    What an earlier run left unknown is asked again first, with the same Idempotency-Key. At the
    end the load stops, and what is on its way to an answer is waited for.
    """
    yield Session(harness, plan, journal)
    raise NotImplementedError


async def settle(harness: Harness, journal: Path, timeout: float = 120) -> Counts:  # noqa: ASYNC109 (seconds of patience)
    """Wait for quiet, read every mailbox, receipt and log from outside, and count.

    No quiet within `timeout` seconds counts as `stuck`, with what is stuck and where in
    `findings`; the rest is counted all the same.
    """
    raise NotImplementedError
