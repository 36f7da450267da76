"""How connection points look in answers: JSON models, the last hour as arrays, rows of CSV."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.gateway.store.points import MINUTES, NOBODY, Minute, Point, System, Traffic

State = Literal["connected", "late", "silent", "never"]

COLUMNS = (
    "agency",
    "level",
    "parent",
    "standing",
    "state",
    "last_seen",
    "rhythm_seconds",
    "requests",
    "client_errors",
    "server_errors",
    "bytes_in",
    "bytes_out",
    "systems",
    "last_hour_requests",
    "last_hour_errors",
    "last_hour_bytes_in",
    "last_hour_bytes_out",
)


class Throughput(BaseModel):
    """The last hour, minute by minute; the last number is the minute that has just begun."""

    since: datetime = Field(description="Beginning of the first minute.")
    requests: list[int]
    errors: list[int]
    bytes_in: list[int]
    bytes_out: list[int]


class Sums(BaseModel):
    """What passed since the point was first seen; some seconds old."""

    last_seen: datetime | None
    requests: int
    client_errors: int = Field(description="Answers of 4xx.")
    server_errors: int = Field(description="Answers of 5xx, and answers that were cut.")
    bytes_in: int = Field(description="Bytes of request bodies.")
    bytes_out: int = Field(description="Bytes of answers, as they went out.")


class ConnectionPoint(Sums):
    """An agency as a connection point."""

    agency: str
    level: str
    parent: str | None
    standing: str = Field(description="State of the agency itself.")
    state: State = Field(
        description="By its own rhythm: `connected` within three of its usual pauses (at least"
        " a minute), `late` within ten (at least ten minutes), then `silent`; `never` seen."
    )
    rhythm_seconds: float | None = Field(description="Its usual pause from contact to contact.")
    errors: int = Field(description="Client's and server's together.")
    systems: list[str] = Field(description="Systems that act for it.")
    throughput: Throughput


class ConnectionPage(BaseModel):
    """Connection points in the order of their agencies' codes."""

    items: list[ConnectionPoint]
    next_cursor: str | None


class SharedUse(Sums):
    """What a system of several agencies did without naming one: it stands at each of them."""

    throughput: Throughput


class SystemUse(Sums):
    """One system, and what it did for this agency."""

    client_id: str
    registered: str = Field(description="`active` or `revoked`.")
    agencies: int = Field(description="For how many agencies it may act.")
    throughput: Throughput
    shared: SharedUse | None = Field(
        description="What it did without `On-Behalf-Of`, for all of its agencies at once."
    )


class Connection(ConnectionPoint):
    """A connection point with each of its systems."""

    items: list[SystemUse]


@dataclass(frozen=True, slots=True)
class Hour:
    """The minutes of the last hour."""

    first: datetime
    minutes: Sequence[Minute]

    def of(self, agency: UUID, client_id: str | None = None) -> Throughput:
        """Return the sums of an agency, of one system or of all."""
        rows = [
            one
            for one in self.minutes
            if one.agency == agency and client_id in (None, one.client_id)
        ]
        return Throughput(
            since=self.first,
            **{
                name: self._column(rows, name)
                for name in ("requests", "errors", "bytes_in", "bytes_out")
            },
        )

    def _column(self, rows: Iterable[Minute], name: str) -> list[int]:
        column = [0] * MINUTES
        for row in rows:
            number = (row.minute - self.first) // timedelta(minutes=1)
            if 0 <= number < MINUTES:  # a minute may begin while we read
                column[number] += getattr(row, name)
        return column


def point_shown(point: Point, systems: Sequence[System], hour: Hour) -> ConnectionPoint:
    """Return a point as the API shows it."""
    return ConnectionPoint(
        agency=point.code,
        level=point.level,
        parent=point.parent,
        standing=point.standing,
        state=_state(point.state),
        rhythm_seconds=None if point.rhythm is None else round(point.rhythm, 1),
        errors=point.traffic.client_errors + point.traffic.server_errors,
        systems=[system.client_id for system in systems],
        throughput=hour.of(point.id),
        **_sums(point.traffic, point.last_seen),
    )


def detail_shown(point: Point, systems: Sequence[System], hour: Hour) -> Connection:
    """Return a point with each of its systems."""
    base = point_shown(point, systems, hour)
    return Connection(**dict(base), items=[_system(system, hour) for system in systems])


def row_shown(shown: ConnectionPoint) -> list[object]:
    """Return a point as a row of CSV."""
    values: Mapping[str, object] = {
        **dict(shown),
        "last_seen": None if shown.last_seen is None else shown.last_seen.isoformat(),
        "systems": " ".join(shown.systems),
        "last_hour_requests": sum(shown.throughput.requests),
        "last_hour_errors": sum(shown.throughput.errors),
        "last_hour_bytes_in": sum(shown.throughput.bytes_in),
        "last_hour_bytes_out": sum(shown.throughput.bytes_out),
    }
    return [values[name] for name in COLUMNS]


def _system(system: System, hour: Hour) -> SystemUse:
    shared = None
    if system.agencies > 1:
        shared = SharedUse(
            **_sums(system.shared, system.shared_seen),
            throughput=hour.of(NOBODY, system.client_id),
        )
    return SystemUse(
        client_id=system.client_id,
        registered=system.state,
        agencies=system.agencies,
        throughput=hour.of(system.agency, system.client_id),
        shared=shared,
        **_sums(system.traffic, system.last_seen),
    )


def _sums(traffic: Traffic, seen: datetime | None) -> dict[str, Any]:
    return {
        "last_seen": seen,
        "requests": traffic.requests,
        "client_errors": traffic.client_errors,
        "server_errors": traffic.server_errors,
        "bytes_in": traffic.bytes_in,
        "bytes_out": traffic.bytes_out,
    }


def _state(name: str) -> State:
    for known in _STATES:
        if known == name:
            return known
    raise LookupError(name)


_STATES: tuple[State, ...] = ("connected", "late", "silent", "never")
