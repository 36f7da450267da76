"""Changes of single rows: a column, a row taken out, put in, or exchanged with another."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from infra.audit import store_tamper as store
from infra.audit.finding import Row
from infra.audit.tamper.catalogue import TABLES, Table
from infra.audit.tamper.values import Value, another, shown
from infra.postgres.provision import Connection


class NothingToDo(Exception):  # noqa: N818
    """There is no such row here, or every row has the same value: another change is drawn."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed, for a person."""

    what: str


@dataclass(frozen=True, slots=True)
class Update:
    """One column of one row gets another value."""

    table: Table
    column: str

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"update {self.table.title}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Change it. Raises NothingToDo."""
        place = await _any(connection, self.table, rng)
        row = await store.read(connection, self.table, [self.column], place)
        before = row[self.column]
        others = await store.others(connection, self.table, self.column)
        after: Value = another(before, others, rng)
        if after == before:
            raise NothingToDo
        await store.update(connection, self.table, place, self.column, after)
        return Change(f"{self.table.title}.{self.column}: {shown(before)} → {shown(after)}")


@dataclass(frozen=True, slots=True)
class Delete:
    """One row is taken out."""

    table: Table

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"delete {self.table.title}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Take it out. Raises NothingToDo."""
        place = await _any(connection, self.table, rng)
        row = await _whole(connection, self.table, place)
        await store.delete(connection, self.table, [place])
        return Change(f"{self.table.title}: {_named(self.table, row)} taken out")


@dataclass(frozen=True, slots=True)
class Insert:
    """A row that nobody wrote: a copy of another, under a name of its own."""

    table: Table

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"insert {self.table.title}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Put it in. Raises NothingToDo."""
        place = await _any(connection, self.table, rng)
        row = dict(await _whole(connection, self.table, place))
        for column in self.table.key:
            if row.get(column) is not None:
                row[column] = another(row[column], [], rng)
        await store.insert(connection, self.table, row)
        return Change(f"{self.table.title}: {_named(self.table, row)} put in")


@dataclass(frozen=True, slots=True)
class Swap:
    """Two rows exchange the value of one column."""

    table: Table
    column: str

    @property
    def kind(self) -> str:
        """How it is counted."""
        return f"swap {self.table.title}"

    async def apply(self, connection: Connection, rng: random.Random) -> Change:
        """Exchange them. Raises NothingToDo."""
        places = await store.places(connection, self.table)
        rng.shuffle(places)
        first = await _whole(connection, self.table, places[0]) if places else None
        for place in places[1:40]:
            second = await _whole(connection, self.table, place)
            if first is not None and self._matters(first, second):
                break
        else:
            raise NothingToDo
        await store.delete(connection, self.table, [places[0], place])
        await store.insert(connection, self.table, {**first, self.column: second[self.column]})
        await store.insert(connection, self.table, {**second, self.column: first[self.column]})
        both = f"{_named(self.table, first)} and {_named(self.table, second)}"
        return Change(f"{self.table.title}.{self.column} of {both} exchanged")

    def _matters(self, first: Row, second: Row) -> bool:
        """Say whether both rows together say something else afterwards."""

        def said(one: Row, other: Row) -> frozenset[str]:
            evidence = [name for name in one if name not in self.table.not_evidence]
            return frozenset(
                repr([(row if name != self.column else twin)[name] for name in evidence])
                for row, twin in ((one, other), (other, one))
            )

        return said(first, second) != said(first, first) | said(second, second)


async def _any(connection: Connection, table: Table, rng: random.Random) -> str:
    places = await store.places(connection, table)
    if not places:
        raise NothingToDo
    return rng.choice(places)


async def _whole(connection: Connection, table: Table, place: str) -> Row:
    return await store.read(connection, table, await store.columns(connection, table), place)


def _named(table: Table, row: Row) -> str:
    return "/".join(shown(row[name]) for name in table.key if name in row)


RowChange = Update | Delete | Insert | Swap


def kinds(columns: dict[str, list[str]]) -> Iterator[RowChange]:
    """Yield every change of a row that the catalogue calls one of evidence.

    `columns` by the table's title, as the database has them: a new one is evidence until the
    catalogue says why not.
    """
    for table in TABLES:
        evidence = [name for name in columns[table.title] if name not in table.not_evidence]
        yield Delete(table)
        yield Insert(table)
        for column in evidence:
            yield Update(table, column)
            yield Swap(table, column)
