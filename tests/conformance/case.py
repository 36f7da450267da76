"""A case of the matrix: one file, what is known when it is judged, and what is expected of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.signing.certificate import Registered
from services.signing.validation.material import Authority, Listed
from shared.ids import AgencyId

Form = Literal["pdf", "detached"]
Role = Literal["MAIN", "ANNEX"]
Decision = Literal["accept", "refuse", "hold"]
Dimension = Literal[
    "chain",
    "validity",
    "revocation",
    "usage",
    "algorithm",
    "coverage",
    "changes",
    "structure",
    "order",
    "stamps",
    "binding",
    "moment",
]


@dataclass(frozen=True, slots=True)
class Case:
    """One file to be judged."""

    name: str
    """`<dimension>.<what it is about>.<form>`: the key of its row on the page."""
    dimension: Dimension
    form: Form
    file: bytes
    """The PDF; in the detached form the CMS."""
    content: bytes | None
    """What a detached signature is over."""
    at: datetime
    authorities: tuple[Authority, ...]
    lists: tuple[Listed, ...]
    answers: tuple[bytes, ...]
    registered: Mapping[str, Registered]
    role: Role
    sender: AgencyId


@dataclass(frozen=True, slots=True)
class Expected:
    """What the standards and the policy say of a case."""

    decision: Decision
    indication: str
    sub_indication: str | None
    rule: str | None
    clause: str
