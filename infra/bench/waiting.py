"""Files that wait to be judged: signing's table, in memory."""

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from services.signing.examine import STRIKES
from services.signing.pool import Look

BAD, GOOD = UUID(int=1), UUID(int=2)


@dataclass(slots=True)
class File:
    """One file that waits: whose, where it lies, when it was due, how often it met limits."""

    agency: UUID
    path: Path
    sha256: str
    due: float
    strikes: int = 0


@dataclass(slots=True)
class Queue:
    """Files that wait, given out as `examinations.claim` does: senders in turn, oldest first."""

    last: UUID | None = None
    waiting: dict[UUID, deque[File]] = field(default_factory=dict[UUID, deque[File]])
    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, file: File) -> None:
        """Let a file wait."""
        self.waiting.setdefault(file.agency, deque()).append(file)
        self.rung.set()

    def claim(self, without: Collection[UUID] = ()) -> File | None:
        """Take the next sender's oldest file, of others than some."""
        fit = sorted(who for who, files in self.waiting.items() if files and who not in without)
        if not fit:
            self.rung.clear()
            return None
        last = self.last
        self.last = next((who for who in fit if last is not None and who > last), fit[0])
        return self.waiting[self.last].popleft()

    def settle(self, file: File, look: Look) -> None:
        """Give a file back that met limits, until it has met them too often."""
        if (look.answer is None or look.answer.failure) and file.strikes + 1 < STRIKES:
            file.strikes += 1
            self.waiting[file.agency].appendleft(file)
        self.rung.set()
