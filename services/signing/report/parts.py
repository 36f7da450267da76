"""The pieces that a report is put together from."""

from dataclasses import dataclass

from services.signing.report.wording import shown
from services.signing.report.words import Reason
from services.signing.validation.policy import Policy


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a table."""

    label: str
    value: str
    code: bool = False
    """A digest, an id or a term: to be shown letter by letter."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time of a signature."""

    label: str
    value: str
    worth: str
    """What it is worth: proved, or only said."""
    proved: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What said that a certificate was not revoked."""

    certificate: str
    source: str
    issued: str
    ends: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Material:
    """A piece that the verdict rests on."""

    kind: str
    note: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Objection:
    """A rule that is not met: in words, with its source."""

    found: str
    means: str
    advice: str
    rule: str
    says: str
    source: str
    code: str
    detail: str
    whole: bool
    """It is an objection to the file as a whole, not to one signature."""

    @classmethod
    def of(
        cls,
        said: Reason,
        policy: Policy,
        *,
        rule: str | None,
        code: str | None,
        detail: str,
        whole: bool = False,
    ) -> "Objection":
        """Put the words beside the rule of the policy."""
        known = policy.rules().get(rule or "")
        return cls(
            found=said.found,
            means=said.means,
            advice=said.advice,
            rule=shown(rule or ""),
            says=known.says if known else "",
            source=known.source if known else "",
            code=shown(code or ""),
            detail=shown(detail),
            whole=whole,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one signature."""

    title: str
    sound: bool
    status: str
    facts: tuple[Fact, ...]
    times: tuple[Time, ...]
    objection: Objection | None
    evidence: tuple[Evidence, ...]
