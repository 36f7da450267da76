"""What an observer knows, as plain facts: what was handed in, what was seen where, what is said."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Lane: TypeAlias = Literal["normal", "urgent"]
Lapse: TypeAlias = Literal["", "expired", "early"]
"""What is wrong with the certificate of a document's leader: it has ended, or not begun."""
Starts: TypeAlias = dict[tuple[str, str], int]
"""After which number of an agency's lane something that is followed begins; else after 0."""


def due(starts: Starts | None, entry: "Entry") -> bool:
    """Say whether an entry has to be told to who follows from there; None: nobody follows."""
    return starts is not None and entry.sequence > starts.get((entry.agency, entry.lane), 0)


def begun(line: Mapping[str, Any]) -> Starts:
    """Return where a stream begins, from a line of the journal."""
    return {(agency, lane): number for agency, lane, number in line["told"]}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One document, as it was about to be handed in."""

    number: int
    sender: str
    """Code of an agency; so are all others here."""
    lane: Lane
    urgency: str
    """The degree itself: four of them share a lane."""
    code: str
    """Number and notation, as on paper."""
    subject: str
    to: frozenset[str]
    sha256: str
    """Of the whole file; its canary makes it differ from every other document's."""
    canary: str
    begun: float
    """Seconds of the monotonic clock, before the first byte of the first try."""
    lapse: Lapse = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last word on an invocation. An invocation without one is unknown."""

    kind: Literal["ok", "fail", "unknown"]
    at: float
    """Seconds of the monotonic clock, after the answer was read."""
    dispatch: str = ""
    document: str = ""
    code: str = ""
    """Of the problem, when it was refused."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a mailbox, as its recipient reads it after quiet."""

    agency: str
    """Whose mailbox it stands in."""
    lane: Lane
    sequence: int
    hash: str
    delivery: str
    dispatch: str
    sender: str
    recipient: str
    """Whom the entry itself names."""
    code: str
    urgency: str
    digests: tuple[str, ...]
    """SHA-256 of its files, the main one first."""
    follows: bool
    """Whether its hash is that of its bytes after the entry before it."""
    acknowledged: bool

    @property
    def place(self) -> str:
        """Return where it stands, as a finding names it."""
        return f"{self.agency} {self.lane} {self.sequence}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An entry as a reader saw it under load; it must still stand there after quiet."""

    agency: str
    lane: Lane
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it was downloaded."""

    agency: str
    dispatch: str
    named: str
    """SHA-256 that the entry names."""
    got: str
    """SHA-256 of the bytes that came; empty: none came, after quiet, and `fault` says why."""
    canary: str
    """The canary that was found in them."""
    fault: str = ""
    """What is wrong with its signatures, verified offline; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as one answer gave it."""

    delivery: str
    agency: str
    sha256: str
    """Of its text: two answers must be the same bytes."""
    fault: str = ""
    """What is wrong with it, verified offline; empty: nothing. `absent`: none was given."""
    stored: bool = False
    """Whether it was read again after quiet, not handed out at an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that told of a delivery: from the event log, a stream or a Kafka mailbox."""

    system: str
    """Whose door it came through: `events:<client>`, `sse:…`, `kafka:…`; `topic:…`: after quiet."""
    agency: str
    kind: str
    delivery: str
    event: str
    """Its id: the same one again is a repetition, another one a second effect."""
    leak: bool = False
    """Whether a document's subject stood in it: ids and links only are allowed there."""
    lane: str = ""
    number: int = 0
    """The entry's number in its lane; 0: it was not said."""
    log: int = 0
    """Which one of a stream, counted: after a restore another is begun, with new ids."""

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> "Notice":
        """Return the notice of a line of the journal."""
        return cls(
            line["via"],
            line["agency"],
            line["kind"],
            line["delivery"],
            line["event"],
            leak=bool(line.get("leak")),
            lane=line.get("lane", ""),
            number=int(line.get("sequence", 0)),
            log=int(line.get("log", 0)),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What an event log says became of a dispatch, or of one recipient's copy."""

    dispatch: str
    change: str
    recipient: str
    """Code of an agency; empty: of the whole dispatch."""
    event: str
    """Its id: another one is a second effect."""
    agency: str
    """In whose log it stands."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the sender is told of a dispatch after quiet."""

    held: bool = False
    """Whether the sender was ever told that it lost its place."""
    failed: frozenset[str] = frozenset()
    """Recipients with a named final refusal."""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    """The code of each of these refusals, by recipient."""
    open: frozenset[str] = frozenset()
    """Recipients whose copy is neither there nor refused."""
    acknowledged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as its sender is shown it after quiet."""

    code: str
    urgency: str
    subject: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a sender's timeline of a document tells of statuses after quiet."""

    statuses: tuple[tuple[str, str], ...] = ()
    """Delivery and code of each."""
    fault: str = ""
    """Why it could not be read; empty: it was."""


@dataclass(frozen=True, slots=True)
class Report:
    """A status that a recipient was about to report; `recorded` when the answer was 201."""

    delivery: str
    code: str
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A stretch in which a fault makes signing unable to tell of what it should judge."""

    since: float
    until: float = math.inf
    """Seconds of the monotonic clock; infinite: it lasts."""


@dataclass(slots=True)
class History:
    """All facts of one proof."""

    serving: dict[str, str] = field(default_factory=dict[str, str])
    """From an agency to the system that reads for it."""
    invocations: dict[int, Invocation] = field(default_factory=dict[int, Invocation])
    outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])
    resolved: set[int] = field(default_factory=set[int])
    """Invocations that were once unknown and are not any more."""
    entries: list[Entry] = field(default_factory=list[Entry])
    """All, by agency, lane and order of the mailbox."""
    sightings: list[Sighting] = field(default_factory=list[Sighting])
    fetched: list[Fetched] = field(default_factory=list[Fetched])
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    notices: list[Notice] = field(default_factory=list[Notice])
    """Those of one door in the order in which they came."""
    changes: list[Change] = field(default_factory=list[Change])
    standings: dict[str, Standing] = field(default_factory=dict[str, Standing])
    """By dispatch."""
    reports: list[Report] = field(default_factory=list[Report])
    statuses: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By delivery: what its status history says after quiet, without 01."""
    documents: dict[str, Shown] = field(default_factory=dict[str, Shown])
    """By id: what their senders are shown."""
    timelines: dict[str, Timeline] = field(default_factory=dict[str, Timeline])
    """By document: of those with a reported status, and of some others."""
    latest: dict[str, str] = field(default_factory=dict[str, str])
    """By delivery: the status that its sender's list of copies shows, without 01."""
    gaps_seen: list[str] = field(default_factory=list[str])
    """Where a reader that reads in order met a hole."""
    refused: list[str] = field(default_factory=list[str])
    """What recipients were refused: a download, an acknowledgement."""
    subscribed: dict[str, Starts] = field(default_factory=dict[str, Starts])
    """By system with a Kafka mailbox."""
    streams: dict[str, Starts] = field(default_factory=dict[str, Starts])
    """By system that followed an event stream."""
    unquiet: list[str] = field(default_factory=list[str])
    """What was still under way when patience ended, and where."""
    doubts: list[Doubt] = field(default_factory=list[Doubt])
    revoked: dict[int, bool] = field(default_factory=dict[int, bool])
    """By document whose leader lost the certificate once it had gone: whether that was answered."""
    kills: int = 0
