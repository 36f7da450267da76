"""Evidence as it is stored, read back into the facts that it was written from (pure)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.signing.certificate import Registered
from services.signing.evidence import Incomplete, Named, Subject, check_form
from services.signing.finding import Finding, Signature
from services.signing.validation.policy import Policy
from services.signing.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Stored:
    """A verdict with all that it rests on."""

    schema: str
    subject: Subject
    verdict: Verdict
    finding: Finding | None
    """None: no worker came to the end of the file."""
    registered: tuple[Registered, ...]
    material: Named | None

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Return the signatures that were found, in the order in which they were made."""
        return self.finding.signatures if self.finding else ()

    def row(self, certificate: str) -> Registered | None:
        """Return what a certificate was registered for."""
        return next((one for one in self.registered if one.sha256 == certificate), None)

    def authorities(self) -> dict[str, str]:
        """Return the names of the listed authorities by the digests of their certificates."""
        listed = self.material.authorities if self.material else ()
        return {one.sha256: one.name for one in listed}


_DIGEST = re.compile(r"[0-9a-f]{64}")
_STORED = TypeAdapter(Stored)


def read(evidence: Mapping[str, Any], policy: Policy) -> Stored:
    """Read evidence of a verdict by this policy. Raises Incomplete for what is none, OtherForm."""
    check_form(evidence)
    try:
        stored = _STORED.validate_python(evidence)
    except ValidationError as error:
        raise Incomplete(f"the evidence has {error.error_count()} faults") from None
    if not all(_DIGEST.fullmatch(sha256) for sha256 in _digests(stored)):
        raise Incomplete("the evidence names something by what is no digest")
    if stored.finding and stored.finding.policy_sha256 != policy.sha256:
        raise Incomplete("the verdict was made by another policy")
    return stored


def _digests(stored: Stored) -> Iterator[str]:
    yield stored.subject.sha256
    if stored.material:
        yield from stored.material.digests()
    for one in stored.signatures:
        yield from (*one.chain, *filter(None, (one.certificate,)))
        yield from (checked.material for checked in one.checked)


def is_of_the_whole(stored: Stored) -> bool:
    """Say whether the verdict objects to the file as a whole, not to one of its signatures."""
    verdict, finding = stored.verdict, stored.finding
    own = (finding.rule, finding.reason) if finding else (None, None)
    return verdict.rule is not None and (verdict.rule, verdict.reason) != own
