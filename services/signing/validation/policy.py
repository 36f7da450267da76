"""The policy of validation: one page of data, read once, every number with its rule and source."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

NEWEST = Path(__file__).parent.parent / "policy" / "lienthong-1.toml"
_Positive = Annotated[int, Field(ge=1)]
_Kind = Literal["leader", "seal"]


class BadPolicy(Exception):  # noqa: N818 (the page is)
    """The page of a policy is not one that this software understands."""


class _Data(BaseModel):
    """A part of the page. What it did not have from its first day on is optional for good.

    Verdicts are repeated by the page of their day: each that was ever in force has to be understood
    (`tests/signing/pages`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Rule(_Data):
    """A rule in words, with what it rests on."""

    says: Annotated[str, Field(min_length=20)]
    source: Annotated[str, Field(min_length=5)]


class _Until(Rule):
    until: dict[str, date]


class _Pdf(Rule):
    most_signatures: _Positive
    subfilters: list[str]


class Changes(Rule):
    largest_appearance_cm2: _Positive | None = None
    largest_on_a_page_cm2: _Positive | None = None
    largest_on_a_page_percent: _Positive | None = None
    """Of all that follow a first signature, of what is shown. None: any size was right by it."""


class _Format(_Data):
    pdf: _Pdf
    coverage: Rule
    cms: Rule
    changes: Changes


class _Signer(_Data):
    named: Rule


class _Signature(_Data):
    digest: Rule
    value: Rule


class _Algorithms(_Data):
    digests: _Until
    signatures: _Until
    rsa: _Until
    curves: _Until


class _Path(Rule):
    longest: _Positive = 8
    """Authorities of a path, the anchor among them. Here and below: what older pages lack was the
    same for all of them, and is what they are applied with."""
    most_ways: _Positive = 8
    """Paths of one certificate that are looked at."""


class _Chain(_Data):
    listed: Rule
    path: _Path
    purpose: Rule


class Certificate(Rule):
    """What certificates of one kind must say they are for."""

    key_usage: list[Literal["digital_signature", "content_commitment"]]
    """One of these must be set."""
    extended_key_usage: list[str]
    """Where there are extended usages at all, one of these must be among them."""
    only: bool
    """There must be extended usages, critical ones, and none but these."""
    certificate_policies: list[str]
    """One of these must be named; empty: any, or none."""


class _Certificates(_Data):
    leader: Certificate
    seal: Certificate
    timestamp: Certificate


class _Validity(Rule):
    clocks_apart_seconds: Annotated[int, Field(ge=0, le=300)]


class _Time(_Data):
    validity: _Validity
    stamp_missing: Rule
    stamp_broken: Rule
    stamp_untrusted: Rule


class _Oldest(_Data):
    leaf: _Positive
    authority: _Positive


class _Fresh(Rule):
    oldest_hours: _Oldest


class _Patience(_Data):
    normal: _Positive
    urgent: _Positive


class _Known(Rule):
    hold: bool
    patience_hours: _Patience | None = None
    """None: the page does not say it; what was given up by it says so itself."""


class _Revoked(Rule):
    retired_reasons: list[str] = [
        "unspecified",
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
    ]
    """Stated reasons (RFC 5280 5.3.1) for which a time-stamping unit's key is still its own."""


class _Revocation(_Data):
    known: _Known
    fresh: _Fresh
    revoked: _Revoked


class _Binding(_Data):
    row: Rule


class _Complete(Rule):
    main: list[_Kind] = ["leader", "seal"]
    annex: list[_Kind] = ["seal"]
    """Whose signatures a file has to have, what is told first first."""


class _Sequence(Rule):
    sequence: list[_Kind] = ["leader", "seal"]
    """Nobody signs as an earlier one when a later one has."""


class Order(_Data):
    complete: _Complete
    sequence: _Sequence

    def lacking(self, kinds: Sequence[str], role: str) -> _Kind | None:
        """Return whose signature a file lacks that has those of these kinds."""
        wanted = self.complete.main if role == "MAIN" else self.complete.annex
        return next((kind for kind in wanted if kind not in kinds), None)

    def turned(self, kinds: Sequence[str]) -> str | None:
        """Say who signed too late, if somebody did."""
        order = self.sequence.sequence
        for place, later in enumerate(order):
            behind = kinds[kinds.index(later) :] if later in kinds else ()
            for earlier in order[:place]:
                if earlier in behind:
                    return f"a {earlier} signed after the {later}"
        return None


class Heavy(Rule):
    most_stamps: _Positive = 16
    most_certificates: _Positive = 64
    most_revocations: _Positive = 64
    """Of one signature. Each is judged and told of, and a megabyte holds 250,000 empty ones."""
    memory_mib: _Positive = 1024
    cpu_seconds: _Positive = 20
    wall_seconds: _Positive = 40
    tries: _Positive = 3
    """Of one look at a file, and how many looks: as processes are limited (`pool.py`)."""


class _Limits(_Data):
    heavy: Heavy


class _Page(_Data):
    id: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
    title: str
    in_force: date
    format: _Format
    signer: _Signer
    signature: _Signature
    algorithms: _Algorithms
    chain: _Chain
    certificates: _Certificates
    time: _Time
    revocation: _Revocation
    binding: _Binding
    order: Order
    limits: _Limits


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as the software applies it."""

    sha256: str
    page: _Page

    @property
    def id(self) -> str:
        """Return the policy's name."""
        return self.page.id

    @property
    def clocks_apart(self) -> timedelta:
        """Return by how much two clocks may differ."""
        return timedelta(seconds=self.page.time.validity.clocks_apart_seconds)

    def retires(self, stated: str | None) -> bool:
        """Say whether a time-stamping unit that is revoked for this made good stamps before.

        None: no reason stands there, and none of its stamps is valid (RFC 3161 4, 1 and 2).
        """
        return stated in self.page.revocation.revoked.retired_reasons

    def digest_ends(self, name: str) -> datetime | None:
        """Return until when a digest algorithm may be used; None: it may not."""
        return _end(self.page.algorithms.digests.until, name)

    def algorithm_ends(self, name: str) -> datetime | None:
        """Return until when a signature algorithm may be used; None: it may not."""
        return _end(self.page.algorithms.signatures.until, name)

    def curve_ends(self, name: str) -> datetime | None:
        """Return until when keys on a curve may be used; None: they may not."""
        return _end(self.page.algorithms.curves.until, name)

    def rsa_ends(self, bits: int) -> datetime | None:
        """Return until when RSA keys of a length may be used; None: they may not."""
        until = self.page.algorithms.rsa.until
        fitting = [day for least, day in until.items() if bits >= int(least)]
        return _day_ends(max(fitting)) if fitting else None

    def rules(self) -> dict[str, Rule]:
        """Return all rules by name, in the order of the page."""
        return dict(_rules(self.page))


@lru_cache(maxsize=16)
def load(content: bytes) -> Policy:
    """Read a policy's page. Raises BadPolicy."""
    try:
        page = _Page.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise BadPolicy(str(error)) from None
    return Policy(hashlib.sha256(content).hexdigest(), page)


def _end(until: Mapping[str, date], name: str) -> datetime | None:
    return _day_ends(until[name]) if name in until else None


def _day_ends(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _rules(data: BaseModel, prefix: str = "") -> list[tuple[str, Rule]]:
    found: list[tuple[str, Rule]] = []
    for name in type(data).model_fields:
        value: Any = getattr(data, name)
        if isinstance(value, Rule):
            found.append((f"{prefix}{name}", value))
        elif isinstance(value, _Data):
            found.extend(_rules(value, f"{prefix}{name}."))
    return found
