"""Which rules of the policy a signature was held against, and what came of it (pure).

The engine stops at the first rule that is not met: what it has passed by then is certain, what
would have come later is not known and is not claimed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.signing.finding import Signature, SubIndication
from services.signing.report.stored import Stored, is_of_the_whole
from services.signing.validation.policy import Policy
from shared.events.types import Indication


def _names(text: str) -> tuple[str, ...]:
    # In one text: a rule that is a string of its own is taken for one that is applied there.
    return tuple(text.split())


_ORDER = _names(
    """limits.heavy format.pdf format.coverage
    signer.named signature.digest signature.value format.changes
    chain.listed chain.path format.cms chain.purpose certificates.leader certificates.seal
    time.stamp_broken
    algorithms.digests algorithms.signatures algorithms.rsa algorithms.curves
    time.validity revocation.revoked revocation.known revocation.fresh"""
)
"""The rules for one signature in the order in which their last check is done."""
_STAMPED, _UNSTAMPED, _STRANGE, _BROKEN = _names(
    "certificates.timestamp time.stamp_missing time.stamp_untrusted time.stamp_broken"
)
_OF_THE_WHOLE = _names("binding.row order.complete order.sequence")
_EARLY = _names("format.cms algorithms.")
"""Rules that may also fail before their place: as soon as a signature and its key are read."""
_READ = 3
"""The rules up to there are passed before any signature is read."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a signature is worth, or came out of one rule."""

    indication: Indication
    sub_indication: SubIndication | None


PASSED = Status("TOTAL-PASSED", None)


def worth(stored: Stored, one: Signature) -> Status:
    """Return what a signature is worth: what the file as a whole lacks counts for each of them."""
    if one.indication == "TOTAL-PASSED" and is_of_the_whole(stored):
        return Status(stored.verdict.validation, stored.verdict.sub_indication)
    return Status(one.indication, one.sub_indication)


def evaluated(stored: Stored, one: Signature | None, policy: Policy) -> dict[str, Status | None]:
    """Return all rules of the policy; None: not come to, or nothing to be held against it."""
    results: dict[str, Status | None] = dict.fromkeys(policy.rules())
    if one is not None:
        _set(results, _passed(one))
        if one.rule:
            results[one.rule] = Status(one.indication, one.sub_indication)
    verdict = stored.verdict
    if verdict.indication == "TOTAL-PASSED":
        _set(results, _OF_THE_WHOLE)
    elif verdict.rule and (one is None or is_of_the_whole(stored)):
        results[verdict.rule] = Status(verdict.validation, verdict.sub_indication)
    return results


def _set(results: dict[str, Status | None], rules: Iterable[str]) -> None:
    results.update(dict.fromkeys((rule for rule in rules if rule in results), PASSED))


def _passed(one: Signature) -> list[str]:
    """Return the rules that this signature has passed for certain."""
    end = len(_ORDER) if one.rule is None else _READ
    if one.rule in _ORDER and not one.rule.startswith(_EARLY):
        end = _ORDER.index(one.rule)
    passed = [name for name in _ORDER[:end] if _concerns(one, name)]
    if _BROKEN in passed:
        passed.extend(_by_stamps(one))
    return passed


def _concerns(one: Signature, name: str) -> bool:
    """Say whether a rule that is for one kind of signer is for this one."""
    group, _, kind = name.partition(".")
    return group != "certificates" or kind in one.fits


def _by_stamps(one: Signature) -> list[str]:
    """Return the rules that what there is of time stamps has brought into play."""
    found = [_UNSTAMPED if one.proved_at is None else _STAMPED]
    if any(stamp.made_at is None for stamp in one.stamps):
        found.append(_STRANGE)
    return found
