"""What an agency is: its codes, its place, its validity, its successors. No I/O."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID, uuid5

from shared.events import AgencyChanged
from shared.ids import AgencyId

_SEEDED = UUID("5d0c0e2e-8a0b-5c54-9a35-6f1f4a3a2f10")
"""Namespace of the ids of seeded agencies: the same seed gives the same ids everywhere."""

CODE_LENGTH = 35
"""Decision 20/2020: at most 35 characters."""

_DECISION_20 = re.compile(r"[A-Z0-9]+(\.[A-Z0-9]+)*")
_TWO_DIGITS = re.compile(r"\d{2}")
_LEVEL_ONE = re.compile(r"[A-Z]\d{2}")
_QCVN_GROUPS = 4


class AgencyState(StrEnum):
    """Suspended: neither sends nor receives for now. Closed: succeeded by others, or by nobody."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency as the directory holds it."""

    id: AgencyId
    code: str
    code_qcvn102: str | None
    old_codes: tuple[str, ...]
    name: str
    level: str
    parent_id: AgencyId | None
    state: AgencyState
    valid_from: date
    valid_to: date | None
    """The first day on which it no longer exists."""
    successors: tuple[AgencyId, ...]
    synthetic: bool
    version: int

    @property
    def codes(self) -> tuple[str, ...]:
        """Return every code that names it."""
        forms = (self.code, self.code_qcvn102, *self.old_codes)
        return tuple(dict.fromkeys(form for form in forms if form))

    def event(self) -> AgencyChanged:
        """Return the event that tells its present state."""
        return AgencyChanged(
            agency_id=self.id,
            code=self.code,
            code_qcvn102=self.code_qcvn102,
            old_codes=self.old_codes,
            level=self.level,
            parent_id=self.parent_id,
            state=self.state.value,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            successors=self.successors,
            version=self.version,
        )


def seeded_id(code: str) -> AgencyId:
    """Return the id of the seeded agency with this code."""
    return AgencyId(uuid5(_SEEDED, code))


def is_code(text: str) -> bool:
    """Say whether `text` has the form of Decision 20/2020: groups of A-Z, 0-9, level 1 first."""
    return len(text) <= CODE_LENGTH and _DECISION_20.fullmatch(text) is not None


def proposed_qcvn102(code: str) -> str | None:
    """Return the QCVN 102 form of a code, level 1 last; None where that form has no room.

    It has three groups of two digits (the leftmost of three) before level 1, so `H14.03.05` is
    `000.05.03.H14`, and `H60.101` has none.
    """
    first, *rest = code.split(".")
    if not _LEVEL_ONE.fullmatch(first) or len(rest) >= _QCVN_GROUPS - 1:
        return None
    if not all(_TWO_DIGITS.fullmatch(group) for group in rest):
        return None
    groups = ["000", *["00"] * (2 - len(rest)), *reversed(rest), first]
    return ".".join(groups)


def clean_name(name: str) -> str:
    """Return a name in NFC, without invisible characters (U+200B is common in real lists)."""
    kept = (
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char) != "Cf"
    )
    return " ".join("".join(kept).split())


_ALIKE = str.maketrans({"đ": "d", "ð": "d", "ɖ": "d"})
"""`đ` does not decompose; the others stand in its place in badly converted lists."""
_BETWEEN_WORDS = re.compile(r"[^\w.-]+")


def fold(text: str) -> str:
    """Return the words of `text` in lower case without diacritics, one space between.

    The same for what is searched and what is searched for: `Thạch An` and `THACH  AN` are one.
    """
    decomposed = _decomposed(_decomposed(text).casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    words = (word.strip("._-") for word in _BETWEEN_WORDS.split(plain.translate(_ALIKE)))
    return " ".join(word for word in words if word)


def _decomposed(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def folded(name: str, codes: Sequence[str]) -> str:
    """Return what a search looks in."""
    return fold(" ".join((name, *codes)))
