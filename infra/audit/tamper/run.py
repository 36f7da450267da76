"""Makes random changes, one at a time, audits all of it after each, and counts what was found."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg

from infra.audit import store_tamper as store
from infra.audit.site import Site, opened
from infra.audit.tamper.catalogue import TABLES
from infra.audit.tamper.files import FILE_KINDS, FileChange
from infra.audit.tamper.lanes import LANE_KINDS, LaneChange
from infra.audit.tamper.rows import Change, NothingToDo, RowChange, kinds
from infra.audit.walk import walk
from infra.stack.folder import Folder

Say: TypeAlias = Callable[[str], None]
Draw: TypeAlias = "tuple[str, RowChange | LaneChange] | FileChange"
"""A change of the database of a service, or of a file."""
_TELL_SECONDS = 5.0
_AT_MOST = 5
"""So many draws for each change that is wanted: some meet a constraint, or no such row."""


class NotQuiet(Exception):  # noqa: N818
    """Something was wrong before anything was changed."""


@dataclass(slots=True)
class Score:
    """What was changed and found, by kind."""

    made: Counter[str] = field(default_factory=Counter[str])
    found: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    """Changes that the database's own constraints did not let happen."""
    missed: list[str] = field(default_factory=list[str])

    def lines(self) -> Iterator[str]:
        """Yield the table by kind, what was missed, and the line of sums."""
        for kind in sorted(self.made):
            yield f"{kind:<44} {self.made[kind]:>5} {self.found[kind]:>5}"
        for missed in self.missed:
            yield f"missed: {missed}"
        refused = self.refused.total()
        yield f"(the databases' own constraints refused {refused} further changes)"
        yield f"tampers={self.made.total()} detected={self.found.total()}"


async def tamper(folder: Folder, count: int, seed: int, say: Say) -> Score:
    """Make `count` changes, each undone before the next, and audit everything after each.

    Raises NotQuiet, CannotAudit.
    """
    rng, score = random.Random(seed), Score()  # noqa: S311 (which row, not a secret)
    async with opened(folder, role="postgres") as site:
        for connection in site.connections.values():
            await store.prepare(connection)
        before = await walk(site, say)
        if before.findings:
            first = before.findings[0]
            raise NotQuiet(f"before any change: {first.where}: {first.what}")
        told = time.monotonic()
        draws = _draws(await _every(site), count, rng)
        for draw in draws:
            if score.made.total() >= count:
                break
            await _one(site, draw, score, rng, say)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                say(f"{score.made.total()} changes, {score.found.total()} found")
    return score


async def _every(site: Site) -> list[Draw]:
    columns = {
        table.title: await store.columns(site.connections[table.service], table) for table in TABLES
    }
    rows: list[Draw] = [(change.table.service, change) for change in kinds(columns)]
    return [*rows, *LANE_KINDS * 4, *FILE_KINDS * 4]


def _draws(every: Sequence[Draw], count: int, rng: random.Random) -> Iterator[Draw]:
    """Yield each kind once, in a random order, then again and again."""
    for _ in range(1 + _AT_MOST * count // len(every)):
        yield from rng.sample(every, len(every))


async def _one(site: Site, draw: Draw, score: Score, rng: random.Random, say: Say) -> None:
    try:
        if isinstance(draw, FileChange):
            with draw.applied(site.blobs, rng) as change:
                await _audited(site, draw.kind, change, score, say)
            return
        service, made = draw
        connection = site.connections[service]
        undo = connection.transaction()
        await undo.start()
        try:
            await _audited(site, made.kind, await made.apply(connection, rng), score, say)
        finally:
            await undo.rollback()
    except NothingToDo:
        return
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
        score.refused[draw.kind if isinstance(draw, FileChange) else draw[1].kind] += 1


async def _audited(site: Site, kind: str, change: Change, score: Score, say: Say) -> None:
    # What one walk finds, all of them find; only where it finds nothing all have to look.
    books = await walk(site, _hush, only=_first(kind))
    if not books.findings:
        books = await walk(site, _hush)
    score.made[kind] += 1
    if books.findings:
        score.found[kind] += 1
    else:
        score.missed.append(f"{kind}: {change.what}")
        say(f"missed: {score.missed[-1]}")


_WALKS = {
    "deliveries": ("deliveries",),
    "receipts": ("deliveries",),
    "statuses": ("deliveries",),
    "waiting": ("deliveries",),
    "entries": ("deliveries",),
    "mailbox_heads": ("mailboxes",),
    "seen_heads": ("mailboxes",),
    "lanes": ("mailboxes",),
    "turns": ("turns",),
    "documents": ("dispatches", "documents"),
    "signatures": ("signatures",),
    "signature_intents": ("signatures",),
    "key_uses": ("signatures",),
    "certificates": ("certificates",),
    "trust_changes": ("trust list",),
    "materials": ("dispatches", "materials"),
}
"""Which walk looks first, by the table that was changed; the rest belongs to dispatches."""


def _first(kind: str) -> tuple[str, ...]:
    if kind.startswith("file "):
        return ("files",)
    if kind.startswith(("tail ", "lane ", "neighbours ")):
        return ("mailboxes",)
    return _WALKS.get(kind.rpartition(".")[2], ("dispatches",))


def _hush(_text: str) -> None:
    return
