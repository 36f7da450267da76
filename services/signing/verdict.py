"""From what a worker found and who is registered for what to a verdict (pure)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import filterfalse

from services.signing.certificate import Registered
from services.signing.finding import (
    LEADER_MISSING,
    OTHER_AGENCY,
    REVOCATION_UNKNOWN,
    REVOKED,
    SEAL_MISSING,
    TOO_HEAVY,
    UNKNOWN_AGENCY,
    UNREADABLE,
    UNREGISTERED,
    UNTRUSTED,
    WRONG_ORDER,
    WRONG_USE,
    Finding,
    Signature,
    SubIndication,
    TimeStamp,
    Unit,
)
from services.signing.validation.policy import Order, Policy
from shared.events.types import Indication
from shared.ids import AgencyId


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the exchange does with a file, and why: delivers it, refuses it, or waits.

    EN 319 102-1 leaves to the policy what becomes of what is INDETERMINATE (5.1.3): here all of it
    is refused but revocation that is not known, and what may be tried again.
    """

    indication: Indication
    """TOTAL-PASSED: delivered; TOTAL-FAILED: refused; INDETERMINATE: held, and tried again."""
    reason: str | None
    detail: str
    validation: Indication
    """What EN 319 102-1 says of the signature that decides."""
    sub_indication: SubIndication | None
    rule: str | None
    """The rule of the policy that is not met."""


class Outdated(Exception):  # noqa: N818
    """A certificate's state changed after the revocation list that was verified with."""


PASSED = Verdict("TOTAL-PASSED", None, "", "TOTAL-PASSED", None, None)
STRIKES = 3
"""After so many tries that met a worker's own limits, or a parser's failure, a file is refused."""


def unread(reason: str, detail: str, *, final: bool) -> Verdict:
    """Return the verdict on a file that no worker has come to the end of; `final`: refused."""
    rule = "limits.heavy" if reason == TOO_HEAVY else "format.pdf"
    sub: SubIndication = "FORMAT_FAILURE" if reason == UNREADABLE else "TRY_LATER"
    decision: Indication = "TOTAL-FAILED" if final else "INDETERMINATE"
    status: Indication = "TOTAL-FAILED" if reason == UNREADABLE else "INDETERMINATE"
    return Verdict(decision, reason, detail, status, sub, rule)


def given_up(verdict: Verdict, waited: str) -> Verdict:
    """Return the verdict on a file that could not be judged for so long: it is refused."""
    return replace(verdict, indication="TOTAL-FAILED", detail=f"{verdict.detail}, for {waited}")


def found(finding: Finding) -> Verdict:
    """Return the verdict that a file's signatures alone lead to."""
    if finding.outcome == "sound":
        return PASSED
    decision: Indication = "INDETERMINATE" if finding.outcome == "unknown" else "TOTAL-FAILED"
    return Verdict(
        decision,
        finding.reason,
        finding.detail,
        finding.indication,
        finding.sub_indication,
        finding.rule,
    )


def _against(rule: str, reason: str, detail: str) -> Verdict:
    """Return the verdict on sound signatures that are not the ones that are wanted."""
    sub: SubIndication = "SIG_CONSTRAINTS_FAILURE"
    return Verdict("TOTAL-FAILED", reason, detail, "INDETERMINATE", sub, rule)


UNBOUND = replace(_against("binding.row", UNREGISTERED, UNKNOWN_AGENCY), indication="INDETERMINATE")


def used(finding: Finding) -> list[str]:
    """Return the digests of all certificates that a finding rests on, time stamps' too."""
    stamps = {
        digest for one in finding.signatures if one.proof is not None for digest in one.proof.chain
    }
    return sorted(needed(finding) | stamps)


def needed(finding: Finding) -> set[str]:
    """Return the digests of the certificates without which a finding would not be.

    Those of time stamps are among them where a signature would not be sound without.
    """
    digests = {one.certificate for one in finding.signatures}
    digests.update(digest for one in finding.signatures for digest in one.chain)
    for one in finding.signatures:
        if one.leans and one.proof is not None:
            digests.update(one.proof.chain)
    return digests


@dataclass(frozen=True, slots=True)
class Proof:
    """Until when a certificate is proved to have been used, and by which certificates."""

    at: datetime
    by: frozenset[str]


def proved(finding: Finding) -> dict[str, Proof]:
    """Return until when signers' certificates are proved to have been used, by digest.

    Those with a signature that no time stamp proves are left out.
    """
    last: dict[str, Proof | None] = {}
    for one in finding.signatures:
        before = last.get(one.certificate, Proof(datetime.min.replace(tzinfo=UTC), frozenset()))
        last[one.certificate] = _both(before, one.proof)
    return {certificate: proof for certificate, proof in last.items() if proof is not None}


def _both(before: Proof | None, stamp: TimeStamp | None) -> Proof | None:
    if before is None or stamp is None or stamp.made_at is None:
        return None
    made = datetime.fromisoformat(stamp.made_at)
    return Proof(max(made, before.at), before.by | set(stamp.chain))


def proofs(finding: Finding, registered: Mapping[str, Registered]) -> dict[str, Proof]:
    """Return until when registered certificates are proved to have been used, by digest.

    A time-stamping unit's by its own word, on which signatures lean: that counts if it is retired.
    """
    found = proved(finding)
    for one in finding.signatures:
        stamp = one.proof
        if not one.leans or stamp is None or stamp.made_at is None:
            continue
        unit = registered.get(stamp.chain[-1]) if stamp.chain else None
        if unit is not None and unit.kind == "timestamp":
            made, before = datetime.fromisoformat(stamp.made_at), found.get(unit.sha256)
            found[unit.sha256] = Proof(max(made, before.at) if before else made, frozenset())
    return found


def heeded(registered: Mapping[str, Registered], units: Collection[Unit]) -> dict[str, Registered]:
    """Return the rows that have a say beside what a worker found.

    A unit's has none when the worker knew of its revocation: a stamp of its that counts
    nevertheless is proved by a later one.
    """
    weighed = {one.sha256 for one in units if one.revoked}
    return {
        sha256: row
        for sha256, row in registered.items()
        if row.kind != "timestamp" or sha256 not in weighed
    }


def outdated(finding: Finding, registered: Mapping[str, Registered]) -> bool:
    """Say whether a certificate's state changed after the lists that were verified with.

    An authority without a list, such as one whose trust has ended, tells nothing: the row does.
    """
    numbers = {known.authority: known.number for known in finding.lists}
    return any(
        row.changed_in > numbers[row.issuer] for row in registered.values() if row.issuer in numbers
    )


def judge(
    finding: Finding,
    registered: Mapping[str, Registered],
    policy: Policy,
    *,
    role: str,
    sender: AgencyId,
) -> Verdict:
    """Return the verdict on a file that `sender` sends as MAIN or ANNEX, by the finding's policy.

    UNBOUND while the directory does not know a signer's agency. Raises Outdated when the worker's
    revocation lists are older than a change of a certificate's state.
    """
    if outdated(finding, registered):
        raise Outdated
    if finding.outcome == "bad":
        return found(finding)
    rows = [registered.get(one.certificate) for one in finding.signatures]
    problems = (
        _stranger(row, sender) or _unfit(one, row)
        for one, row in zip(finding.signatures, rows, strict=True)
    )
    known, order = [row for row in rows if row], policy.page.order
    said = next(filter(None, problems), None)
    said = said or _incomplete([row.kind for row in known], role, order)
    said = said or unless_revoked(finding, registered)
    # Nobody waits for the directory where another signature has the file refused.
    if said.indication != "TOTAL-FAILED" and any(row.agency_id is None for row in known):
        return UNBOUND
    return said


def unless_revoked(finding: Finding, registered: Mapping[str, Registered]) -> Verdict:
    """Return the verdict that signatures lead to if the register lets what they rest on count.

    `registered`: those of the certificates `used` that the register knows, whoever signed.
    """
    if finding.outcome == "bad":
        return found(finding)
    settled = replace(finding, signatures=tuple(filterfalse(_waits, finding.signatures)))
    until = proofs(settled, registered)
    wanted = (needed(finding) - _signers(finding)) | _signers(settled)
    rests_on = [row for sha256, row in registered.items() if sha256 in wanted]
    if any(_bars(row, until.get(row.sha256), registered) for row in rests_on):
        return _against("revocation.revoked", REVOKED, "revoked or suspended in the register")
    return found(finding)


def _waits(one: Signature) -> bool:
    """Say whether a time stamp may yet prove of a signature that it is older than a revocation."""
    return one.problem == REVOCATION_UNKNOWN and any(not stamp.made_at for stamp in one.stamps)


def _signers(finding: Finding) -> set[str]:
    return {one.certificate for one in finding.signatures}


def _bars(row: Registered, until: Proof | None, registered: Mapping[str, Registered]) -> bool:
    """Say whether a certificate's state speaks against what it is proved to have signed by then.

    The lists have spoken of it already, but not all that the register knows stands in a list.
    Withdrawals are by the same rule (`store/withdrawals.py`).
    """
    if row.state == "good":
        return False
    if until is None or row.revoked_at is None or until.at >= row.revoked_at:
        return True
    if row.kind == "timestamp":
        return not row.retired
    return any(_proves_no_more(registered[one], until.at) for one in until.by if one in registered)


def _proves_no_more(row: Registered, at: datetime) -> bool:
    """Say whether what a certificate proves at a time does not count: it is good no more."""
    before = row.revoked_at is not None and at < row.revoked_at
    return row.state != "good" and not (row.retired and before)


def _stranger(row: Registered | None, sender: AgencyId) -> Verdict | None:
    if row is None:
        return _against("binding.row", UNREGISTERED, "a signer's certificate is not registered")
    if row.kind not in ("leader", "seal"):
        return _against("binding.row", WRONG_USE, f"registered as {row.kind}")
    if row.agency_id not in (None, sender):
        return _against("binding.row", OTHER_AGENCY, f"the {row.kind} is another agency's")
    return None


def _unfit(signature: Signature, row: Registered | None) -> Verdict | None:
    if row is None or not signature.fits or row.kind in signature.fits:
        return None
    trusted = row.kind in signature.trusted_for
    what = "certificate" if trusted else "authority"
    return Verdict(
        "TOTAL-FAILED",
        WRONG_USE if trusted else UNTRUSTED,
        f"the {what} is not for a {row.kind}",
        "INDETERMINATE",
        "CHAIN_CONSTRAINTS_FAILURE",
        f"certificates.{row.kind}" if trusted else "chain.purpose",
    )


_LACKS = {"leader": (LEADER_MISSING, "no leader's signature"), "seal": (SEAL_MISSING, "no seal")}


def _incomplete(kinds: Sequence[str], role: str, order: Order) -> Verdict | None:
    if lacking := order.lacking(kinds, role):
        return _against("order.complete", *_LACKS[lacking])
    turned = order.turned(kinds)
    return _against("order.sequence", WRONG_ORDER, turned) if turned else None
