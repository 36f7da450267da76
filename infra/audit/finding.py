"""What an audit finds, and what it has looked at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

Row: TypeAlias = Mapping[str, Any]
"""One row of a table, by the names that `store` gives its columns."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written."""

    where: str
    """The position: mailbox, lane and number; delivery; dispatch; file."""
    what: str
    passing: bool = False
    """It may be on its way from one service to another: only what stays so is a fault."""


@dataclass(slots=True)
class Books:
    """What an audit has looked at, and what it found, in the order in which it looked."""

    names: Mapping[UUID, str]
    """Codes of agencies, for positions that a person can read."""
    counted: Counter[str] = field(default_factory=Counter[str])
    findings: list[Finding] = field(default_factory=list[Finding])
    materials: dict[str, str] = field(default_factory=dict[str, str])
    """Kinds of the pieces that the evidence of verdicts names, by digest."""

    def note(self, findings: Iterable[Finding]) -> None:
        """Keep what a check has found."""
        self.findings.extend(findings)

    def name(self, agency: UUID) -> str:
        """Return the code of an agency, or its id when the directory has none."""
        return self.names.get(agency, str(agency))


def differing(
    where: str, whose: str, expected: Row, found: Row, columns: Iterable[str]
) -> Iterator[Finding]:
    """Yield a finding for each of these columns in which two rows differ."""
    for column in columns:
        if expected[column] != found[column]:
            said = f"{whose}: {column} is {_short(found[column])}, not {_short(expected[column])}"
            yield Finding(where, said)


def _short(value: object) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 (a line's worth)
