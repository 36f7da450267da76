"""The matrix: every operation by owner's relation and role, at the gateway and at its service."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.access.answers import Answer
from tests.proof.access.asking import LAST, Operation, sent_body, sent_headers
from tests.proof.access.bundles import absent
from tests.proof.access.world import OWN_RECEIVED, OWN_SENT, World

TABLE = Path(__file__).with_name("matrix.md")
NOTHING = "-"
COLUMNS = (
    "sent sender",
    "sent receiver",
    "received sender",
    "received receiver",
    "to-suspended sender",
    "of-suspended receiver",
    "draft sender",
    "draft receiver",
    "foreign sender",
    "foreign receiver",
    "operator",
    "registrar",
    "suspended",
    "none",
)
_OBJECTS = (
    "document_id",
    "attachment_id",
    "dispatch_id",
    "delivery_id",
    "lease_id",
    "signature_id",
    "subscription_id",
    "client_id",
    "code",
)
_OF_SOMEBODY = {*OWN_SENT, *OWN_RECEIVED, "draft", "foreign"} - {"sent"}
"""Relations that mean nothing where no object is named."""
_OF_DRAFTS = ("document_id", "attachment_id", "signature_id")
Expected = Mapping[str, Mapping[str, str]]
Ids = Mapping[str, str]


def expected() -> Expected:
    """Read the table: by operation and column the status, or `-` where a column means nothing."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    if tuple(head[1:]) != COLUMNS:
        raise ValueError(f"{TABLE.name} has other columns: {head}")
    return {name: dict(zip(COLUMNS, cells, strict=True)) for name, *cells in rows}


def objects(operation: Operation) -> tuple[str, ...]:
    """Return the parameters of its path that name an object of somebody's."""
    return tuple(name for name in _OBJECTS if f"{{{name}}}" in operation.path)


def columns(operation: Operation) -> tuple[str, ...]:
    """Return the columns that mean something for an operation."""
    named = set(objects(operation))
    return tuple(
        column
        for column in COLUMNS
        if named or column.split()[0] not in _OF_SOMEBODY
        if column.split()[0] != "draft" or named & set(_OF_DRAFTS)
    )


@dataclass(slots=True)
class Findings:
    """What the whole run has found so far."""

    requests: int = 0
    foreign_reads: int = 0
    existence_leaks: int = 0
    faults: list[str] = field(default_factory=list[str])
    seen: dict[str, dict[str, set[int]]] = field(default_factory=dict[str, dict[str, set[int]]])
    """Statuses by operation and column, as they were answered."""
    asked: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    """Who (a relation, a role, an agency) asked what at which door, each once."""

    @property
    def pairs(self) -> int:
        """Return how many different ones were asked, however often each was."""
        return len(self.asked)

    def ask(self, *pair: str) -> None:
        """Count a request, and what it asks unless that was asked before."""
        self.requests += 1
        self.asked.add(pair)

    def read(self, where: str, words: list[str]) -> None:
        """Note that somebody was shown what is not for him."""
        self.foreign_reads += 1
        self.faults.append(f"foreign read: {where}: {', '.join(sorted(words)[:3])}")

    def leak(self, where: str, foreign: str, nothing: str) -> None:
        """Note that what is foreign looks unlike what is not there."""
        self.existence_leaks += 1
        self.faults.append(f"existence leak: {where}:\n    {foreign!r}\n    {nothing!r}")


@dataclass(frozen=True, slots=True)
class Cell:
    """One question: an operation, at one door, by somebody, about something."""

    operation: Operation
    at: str
    column: str
    role: str
    ids: Ids
    like: str = ""
    """Another cell's name whose answer this one must have in every part but its ids."""

    @property
    def name(self) -> str:
        """Return what a report calls it."""
        return f"{self.operation.name} at {self.at}, {self.column} ({self.role})"


async def matrix(world: World, operations: list[Operation], found: Findings) -> None:
    """Ask everything about others' objects, then everything about one's own."""
    table = expected()
    for missing in sorted({one.name for one in operations} - table.keys()):
        found.faults.append(f"{TABLE.name} has no row for {missing}")
    ordered = sorted(operations, key=lambda one: (one.name in LAST, LAST.count(one.name)))
    for operation in ordered:
        for at in sorted({"gateway", operation.service}):
            await _strangers(world, operation, at, found, table)
    for operation in [*(o for o in ordered if o.name not in LAST), *_last(ordered)]:
        for at in sorted({"gateway", operation.service}):
            for cell in _owners(world, operation, at):
                answer = await ask(world, cell, found)
                _status(cell, answer, found, table)


def _last(operations: list[Operation]) -> Iterator[Operation]:
    by_name = {one.name: one for one in operations}
    yield from (by_name[name] for name in LAST if name in by_name)


def _owners(world: World, operation: Operation, at: str) -> Iterator[Cell]:
    own = {"own_certificate": world.own["sent"].sent["certificate"]}
    for column in columns(operation):
        relation, _, role = column.partition(" ")
        if relation in world.own:
            yield Cell(operation, at, column, role, {**world.own[relation].sent, **own})
        elif relation == "draft":
            yield Cell(operation, at, column, role, {**world.own["sent"].draft, **own})
        elif relation == "suspended":
            yield Cell(operation, at, column, relation, {**world.suspended, **own})
        elif relation != "foreign":
            yield Cell(operation, at, column, relation, {**world.own["sent"].sent, **own})


async def _strangers(
    world: World, operation: Operation, at: str, found: Findings, table: Expected
) -> None:
    own = {"own_certificate": world.own["sent"].sent["certificate"]}
    named = objects(operation)
    if not named:
        return
    for role in ("sender", "receiver"):
        column = f"foreign {role}"
        wanted = table.get(operation.name, {}).get(column, NOTHING)
        for relation, ids in _foreign_ids(world, operation):
            cell = Cell(operation, at, f"{column}, {relation}", role, {**ids, **own})
            answer = await ask(world, cell, found)
            found.seen.setdefault(operation.name, {}).setdefault(column, set()).add(answer.status)
            if str(answer.status) != wanted:
                found.faults.append(f"{cell.name}: {answer.status}, expected {wanted}")
            if wanted.startswith("2"):
                continue
            twin = Cell(operation, at, cell.column, role, {**absent(ids), **own})
            await _compare(world, cell, answer, twin, found)
        if {"document_id", "attachment_id"} <= set(named):
            await _crossed(world, operation, at, role, found)


def _foreign_ids(world: World, operation: Operation) -> Iterator[tuple[str, Ids]]:
    drafts = bool(set(objects(operation)) & set(_OF_DRAFTS))
    for relation, one in world.foreign.items():
        yield relation, one.sent
        if drafts:
            yield f"{relation}'s draft", one.draft
    if drafts:
        for relation in OWN_RECEIVED:
            yield f"draft of whom one has {relation}", world.own[relation].draft


async def _crossed(world: World, operation: Operation, at: str, role: str, found: Findings) -> None:
    """Ask for another's file under one's own document."""
    mine = world.own["sent"].sent
    for relation, one in world.foreign.items():
        ids = {**mine, "attachment_id": one.sent["attachment_id"], "own_certificate": ""}
        cell = Cell(operation, at, f"crossed with {relation}", role, ids)
        answer = await ask(world, cell, found)
        nothing = {**ids, "attachment_id": absent(ids)["attachment_id"]}
        twin = Cell(operation, at, cell.column, role, nothing)
        await _compare(world, cell, answer, twin, found)


async def _compare(world: World, cell: Cell, answer: Answer, twin: Cell, found: Findings) -> None:
    nothing = await ask(world, twin, found)
    said, expected_ = answer.told(_mentioned(cell)), nothing.told(_mentioned(twin))
    if said != expected_:
        found.leak(cell.name, said, expected_)


def _mentioned(cell: Cell) -> set[str]:
    named = set(objects(cell.operation))
    return {value for name, value in cell.ids.items() if name in named and value}


async def ask(world: World, cell: Cell, found: Findings) -> Answer:
    """Ask, and look whether the answer shows what is not for the caller."""
    request = cell.operation.ask(cell.ids)
    headers = sent_headers(request)
    data = sent_body(cell.operation, request)
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    if token := await world.token(cell.role):
        headers["Authorization"] = f"Bearer {token}"
    url = world.addresses[cell.at] + cell.operation.address(cell.ids) + request.query
    answer = await world.wire.send(cell.operation.method, url, headers, data)
    while answer.status in {429, 503}:
        await asyncio.sleep(0.5)
        answer = await world.wire.send(cell.operation.method, url, headers, data)
    found.ask(cell.operation.name, cell.at, cell.column, cell.role)
    if shown := answer.shows(world.secrets(cell.role), cell.ids.values()):
        found.read(cell.name, shown)
    return answer


def _status(cell: Cell, answer: Answer, found: Findings, table: Expected) -> None:
    row = found.seen.setdefault(cell.operation.name, {})
    row.setdefault(cell.column, set()).add(answer.status)
    wanted = table.get(cell.operation.name, {}).get(cell.column, NOTHING)
    if str(answer.status) not in wanted.split("/"):
        found.faults.append(f"{cell.name}: {answer.status}, expected {wanted}")
