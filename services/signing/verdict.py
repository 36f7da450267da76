"""From what a worker found and who is registered for what to a verdict (pure)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import orjson

from services.signing.certificate import Registered
from services.signing.finding import (
    LEADER_MISSING,
    OTHER_AGENCY,
    REVOCATION_UNKNOWN,
    REVOKED,
    SEAL_MISSING,
    UNREGISTERED,
    WRONG_ORDER,
    WRONG_USE,
    Finding,
)
from shared.events.types import Indication
from shared.ids import AgencyId


@dataclass(frozen=True, slots=True)
class Verdict:
    """Valid, invalid (reason) or cannot tell (why)."""

    indication: Indication
    reason: str | None
    detail: str


class Outdated(Exception):  # noqa: N818
    """A certificate's state changed after the revocation list that was verified with."""


class NotBound(Exception):  # noqa: N818
    """A certificate's agency is not in the directory's projection yet: ask again soon."""


PASSED = Verdict("TOTAL-PASSED", None, "")


def failed(reason: str, detail: str) -> Verdict:
    """Return an invalid verdict."""
    return Verdict("TOTAL-FAILED", reason, detail)


def cannot_tell(reason: str, detail: str) -> Verdict:
    """Return a verdict that will be tried again."""
    return Verdict("INDETERMINATE", reason, detail)


def used(finding: Finding) -> list[str]:
    """Return the digests of all certificates that a finding rests on."""
    digests = {one.certificate for one in finding.signatures}
    digests.update(digest for one in finding.signatures for digest in one.chain)
    return sorted(digests)


def outdated(finding: Finding, registered: Mapping[str, Registered]) -> bool:
    """Say whether a certificate's state changed after the lists that were verified with."""
    numbers = {known.authority: known.number for known in finding.lists}
    return any(row.changed_in > numbers.get(row.issuer, 0) for row in registered.values())


def judge(
    finding: Finding, registered: Mapping[str, Registered], *, role: str, sender: AgencyId
) -> Verdict:
    """Return the verdict on a file that `sender` sends as MAIN or ANNEX.

    Raises Outdated when the worker's revocation lists are older than a change of a certificate's
    state, NotBound.
    """
    if outdated(finding, registered):
        raise Outdated
    if finding.outcome == "bad":
        return failed(finding.reason or "", finding.detail)
    rows = [registered.get(one.certificate) for one in finding.signatures]
    for row in rows:
        problem = _stranger(row, sender)
        if problem:
            return problem
    kinds = [row.kind for row in rows if row]
    problem = _incomplete(kinds, role)
    if problem:
        return problem
    if any(row.state != "good" for row in registered.values()):
        return failed(REVOKED, "revoked or suspended in the register")
    if finding.outcome == "unknown":
        return cannot_tell(REVOCATION_UNKNOWN, finding.detail)
    return PASSED


def _stranger(row: Registered | None, sender: AgencyId) -> Verdict | None:
    if row is None:
        return failed(UNREGISTERED, "a signer's certificate is not registered")
    if row.kind not in ("leader", "seal"):
        return failed(WRONG_USE, f"registered as {row.kind}")
    if row.agency_id is None:
        raise NotBound
    if row.agency_id != sender:
        return failed(OTHER_AGENCY, f"the {row.kind} is another agency's")
    return None


def _incomplete(kinds: Sequence[str], role: str) -> Verdict | None:
    # Decree 30/2020 art. 5 and 33, appendix I II.8: the organisation signs what a leader has
    # signed; an annex in a file of its own carries the organisation's signature.
    if role == "MAIN" and "leader" not in kinds:
        return failed(LEADER_MISSING, "no leader's signature")
    if "seal" not in kinds:
        return failed(SEAL_MISSING, "no seal")
    if "leader" in kinds[kinds.index("seal") :]:
        return failed(WRONG_ORDER, "a leader signed after the seal")
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verdict is about."""

    dispatch_id: UUID
    document_id: UUID
    document_code: str
    sender_id: UUID
    sha256: str
    role: str


def evidence(
    subject: Subject,
    verdict: Verdict,
    finding: Finding | None,
    registered: Mapping[str, Registered],
) -> tuple[bytes, str]:
    """Return the verdict with all it rests on as JSON bytes, and their SHA-256."""
    content = orjson.dumps(
        {
            "schema": "lienthong/verdict/1",
            "subject": asdict(subject),
            "verdict": asdict(verdict),
            "finding": asdict(finding) if finding else None,
            "registered": [asdict(registered[digest]) for digest in sorted(registered)],
        },
        default=str,  # ids as the database gives them
        option=orjson.OPT_SORT_KEYS,
    )
    return content, hashlib.sha256(content).hexdigest()
