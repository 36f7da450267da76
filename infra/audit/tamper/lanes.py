"""Changes of whole lanes by somebody who knows the rules: tails cut, entries rehashed."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast
from uuid import UUID

from infra.audit import store_tamper as store
from infra.audit.finding import Row
from infra.audit.tamper.catalogue import TABLES
from infra.audit.tamper.rows import Change, NothingToDo
from infra.audit.tamper.values import another
from infra.postgres.provision import Connection
from shared.chain import GENESIS, Lane, link

Side = Literal["docs", "notify"]
_AWAY = 1_000_000
"""Where numbers go while others take their places."""


@dataclass(frozen=True, slots=True)
class CutTail:
    """The last entries of a lane are taken out on one side, with all that hangs on them."""

    side: Side
    heads: bool
    undo: bool = False
    """Docs' copies stay, without numbers."""

    @property
    def kind(self) -> str:
        """How it is counted."""
        how = "numbers taken back" if self.undo else "cut"
        return f"tail {how} at {self.side}{' with its head' if self.heads else ''}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Cut it. Raises NothingToDo."""
        key, entries = await _lane(connection, self.side, rng, least=1)
        kept = rng.randrange(len(entries))
        await store.cut(connection, self.side, key, kept, undo=self.undo)
        if self.heads:
            made = _hash_at(key, entries[:kept])
            await store.set_heads(connection, self.side, key, kept, made)
        return Change(f"{key[0]} {key[1]} ends at {kept} of {len(entries)} at {self.side}")


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A lane is made anew on one side, with hashes and head that follow from what stands there."""

    side: Side
    how: Literal["reordered", "altered", "reversed"]

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"lane {self.how} and rehashed at {self.side}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Make it anew. Raises NothingToDo."""
        least = 1 if self.how == "altered" else 2
        key, entries = await _lane(connection, self.side, rng, least=least)
        order = list(range(len(entries)))
        contents = [row["content"] for row in entries]
        if self.how == "altered":
            place = rng.randrange(len(entries))
            contents[place] = another(contents[place], [], rng)
        elif self.how == "reversed":
            order.reverse()
        else:
            place = rng.randrange(len(entries) - 1)
            order[place], order[place + 1] = order[place + 1], order[place]
        await _write(connection, self.side, key, [(entries[n], contents[n]) for n in order])
        return Change(f"{key[0]} {key[1]}: {self.how} at {self.side}")


@dataclass(frozen=True, slots=True)
class Reorder:
    """Two neighbours exchange their numbers, and nothing else."""

    side: Side

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"neighbours exchanged at {self.side}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Exchange them. Raises NothingToDo."""
        key, entries = await _lane(connection, self.side, rng, least=2)
        first = rng.randrange(len(entries) - 1)
        table = next(
            one
            for one in TABLES
            if one.title == ("notify.entries" if self.side == "notify" else "docs.deliveries")
        )
        names = await store.columns(connection, table)
        one, two = [
            dict(await store.read(connection, table, names, entries[n]["place"]))
            for n in (first, first + 1)
        ]
        places = [entries[n]["place"] for n in (first, first + 1)]
        await store.delete(connection, table, places)
        one["sequence"], two["sequence"] = two["sequence"], one["sequence"]
        await store.insert(connection, table, one)
        await store.insert(connection, table, two)
        return Change(f"{key[0]} {key[1]}: {first + 1} and {first + 2} at {self.side}")


@dataclass(frozen=True, slots=True)
class ForgedEvidence:
    """Evidence is another, and its digest follows, wherever signing keeps it."""

    kind: str = "evidence forged with its digest at signing"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Forge it. Raises NothingToDo."""
        table = next(one for one in TABLES if one.title == "signing.verdicts")
        places = await store.places(connection, table)
        if not places:
            raise NothingToDo
        place = rng.choice(places)
        row = await store.read(connection, table, ["evidence"], place)
        forged = row["evidence"].replace(b"TOTAL-FAILED", b"TOTAL-PASSED")
        if forged == row["evidence"] or rng.random() < 0.5:  # noqa: PLR2004
            forged = another(row["evidence"], [], rng)
        digest = hashlib.sha256(forged).hexdigest()
        await store.forge_evidence(connection, place, forged, digest)
        return Change(f"a verdict's evidence has {digest} now")


async def _lane(
    connection: Connection, side: Side, rng: random.Random, *, least: int
) -> tuple[tuple[UUID, Lane], Sequence[Row]]:
    lanes = await store.long_lanes(connection, side, least)
    if not lanes:
        raise NothingToDo
    agency, lane = rng.choice(lanes)
    return (agency, cast("Lane", lane)), await store.lane(connection, side, (agency, lane))


def _hash_at(key: tuple[UUID, Lane], entries: Sequence[Row]) -> bytes:
    made = GENESIS
    for number, row in enumerate(entries, 1):
        made = link(
            agency=key[0], lane=key[1], sequence=number, previous=made, entry=row["content"]
        )
    return made


async def _write(
    connection: Connection,
    side: Side,
    key: tuple[UUID, Lane],
    entries: Sequence[tuple[Row, bytes]],
) -> None:
    """Number and chain these entries anew. First out of the way: no number may stand twice."""
    for away in (_AWAY, 0):
        places = {row["sequence"]: row["place"] for row in await store.lane(connection, side, key)}
        previous = GENESIS
        for number, (row, content) in enumerate(entries, 1):
            made = link(
                agency=key[0], lane=key[1], sequence=number, previous=previous, entry=content
            )
            where = row["sequence"] if away else number + _AWAY
            await store.set_link(
                connection,
                side,
                places[where],
                sequence=number + away,
                previous=previous,
                made=made,
                content=content,
            )
            previous = made
    await store.set_heads(connection, side, key, len(entries), previous)


LaneChange = CutTail | Rebuild | Reorder | ForgedEvidence
LANE_KINDS: tuple[tuple[str, LaneChange], ...] = (
    ("notify", CutTail("notify", heads=False)),
    ("notify", CutTail("notify", heads=True)),
    ("docs", CutTail("docs", heads=False)),
    ("docs", CutTail("docs", heads=True)),
    ("docs", CutTail("docs", heads=True, undo=True)),
    ("docs", Rebuild("docs", "reordered")),
    ("docs", Rebuild("docs", "altered")),
    ("docs", Rebuild("docs", "reversed")),
    ("notify", Rebuild("notify", "reordered")),
    ("notify", Rebuild("notify", "altered")),
    ("notify", Rebuild("notify", "reversed")),
    ("docs", Reorder("docs")),
    ("notify", Reorder("notify")),
    ("signing", ForgedEvidence()),
)
"""With the service whose database it is."""
