"""A mailbox lane: an agency's entries in order, without gaps, each chained to the one before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, TypeAlias

from shared.chain import GENESIS, Lane, link
from shared.ids import AgencyId

Source = Literal["log", "docs"]
"""Where an entry came from: the delivery topic, or docs' own answer to a catch-up."""

LaneKey: TypeAlias = tuple[AgencyId, Lane]


class Finding(StrEnum):
    """What an alarm says; an operator reads it."""

    FOREIGN_PREVIOUS = "the entry does not continue this lane"
    FOREIGN_HASH = "another entry already has this number"
    BROKEN_HASH = "the hash does not follow from the entry"


@dataclass(frozen=True, slots=True)
class Numbered:
    """One numbered entry as it arrives; `content` are the bytes that docs made."""

    agency: AgencyId
    lane: Lane
    sequence: int
    previous: bytes
    hash: bytes
    content: bytes

    def holds(self) -> bool:
        """Say whether the hash follows from the number, the previous hash and the content."""
        return self.hash == link(
            agency=self.agency,
            lane=self.lane,
            sequence=self.sequence,
            previous=self.previous,
            entry=self.content,
        )


@dataclass(frozen=True, slots=True)
class LaneState:
    """Where a lane stands: its last entry, what it knows to be missing, and whether it stopped."""

    agency: AgencyId
    lane: Lane
    sequence: int = 0
    hash: bytes = GENESIS
    behind: int | None = None
    """The highest number seen that could not be applied; only catch-up takes it back."""
    stopped: str | None = None
    """Why nothing is applied any more: two histories claim one number."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Two things that must agree do not."""

    sequence: int
    finding: Finding
    expected: bytes
    found: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What to write: the lane's new state, the entries to append in order, and alarms."""

    lane: LaneState
    appended: tuple[Numbered, ...] = ()
    alarms: tuple[Alarm, ...] = ()


def raise_behind(lane: LaneState, sequence: int) -> LaneState:
    """Remember that the number `sequence` exists and is not here yet."""
    if sequence <= lane.sequence:
        return lane
    return replace(lane, behind=max(lane.behind or 0, sequence))


def settle(lane: LaneState, *, docs_head: int) -> LaneState:
    """Take `behind` back when the lane has passed it, or all that docs has (protocol.md 5)."""
    if lane.behind is None or lane.sequence < min(lane.behind, docs_head):
        return lane
    return replace(lane, behind=None)


def take(
    lane: LaneState, entry: Numbered, *, stored: Mapping[int, bytes], source: Source
) -> Change:
    """Decide what one entry does to its lane; `stored` has the hashes of applied numbers.

    A repeated entry changes nothing. One that came by the log and is broken in itself is asked
    for again at docs; if docs' own copy is broken, the lane stops.
    """
    if entry.sequence <= lane.sequence:
        expected = stored[entry.sequence]
        if expected == entry.hash:
            return Change(lane)
        return Change(lane, alarms=(_alarm(entry, Finding.FOREIGN_HASH, expected),))
    if entry.sequence > lane.sequence + 1 or lane.stopped is not None:
        return Change(raise_behind(lane, entry.sequence))
    if not entry.holds():
        alarm = _alarm(entry, Finding.BROKEN_HASH, lane.hash)
        later = raise_behind(lane, entry.sequence)
        return Change(later if source == "log" else _stop(later, alarm), alarms=(alarm,))
    if entry.previous != lane.hash:
        alarm = _alarm(entry, Finding.FOREIGN_PREVIOUS, lane.hash)
        return Change(_stop(raise_behind(lane, entry.sequence), alarm), alarms=(alarm,))
    return Change(replace(lane, sequence=entry.sequence, hash=entry.hash), appended=(entry,))


def take_all(
    lane: LaneState, entries: Iterable[Numbered], *, stored: Mapping[int, bytes], source: Source
) -> Change:
    """Take entries one after another; the same as taking each in a transaction of its own."""
    hashes = dict(stored)
    appended: list[Numbered] = []
    alarms: list[Alarm] = []
    for entry in entries:
        change = take(lane, entry, stored=hashes, source=source)
        lane = change.lane
        hashes.update((one.sequence, one.hash) for one in change.appended)
        appended += change.appended
        alarms += change.alarms
    return Change(lane, tuple(appended), tuple(alarms))


def _alarm(entry: Numbered, finding: Finding, expected: bytes) -> Alarm:
    found = entry.previous if finding is Finding.FOREIGN_PREVIOUS else entry.hash
    return Alarm(entry.sequence, finding, expected=expected, found=found)


def _stop(lane: LaneState, alarm: Alarm) -> LaneState:
    return replace(lane, stopped=f"{alarm.finding} ({alarm.sequence})")
