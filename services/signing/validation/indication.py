"""Indications of ETSI EN 319 102-1 (table 5, 6) and what concludes a judgement (pure)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from services.signing.finding import SubIndication
from shared.events.types import Indication

_FAILURES: frozenset[SubIndication] = frozenset(
    {"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "NOT_YET_VALID"}
)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a signature is not TOTAL-PASSED."""

    sub_indication: SubIndication
    rule: str
    """The rule of the policy that is not met, such as `revocation.fresh`."""
    code: str
    """A code of the problem table."""
    detail: str
    """What exactly was found, in English; it names no person."""
    ends_search: bool = False
    """The signer is revoked or suspended: no other chain counts (EN 319 102-1 5.2.6.4, 4 b, c)."""

    @property
    def indication(self) -> Indication:
        """Return the main indication that the standard gives for the sub-indication."""
        return "TOTAL-FAILED" if self.sub_indication in _FAILURES else "INDETERMINATE"


class Refused(Exception):  # noqa: N818 (what becomes of the signature)
    """A check was not passed: the judgement of this signature ends here."""

    def __init__(self, objection: Objection) -> None:
        """Carry why."""
        super().__init__(objection.detail)
        self.objection = objection


def decisive(objections: Iterable[Objection], *, held: Collection[str]) -> Objection | None:
    """Return which of a file's objections decides and is told, given in the order of signatures.

    EN 319 102-1 5.1.3: each signature has an indication of its own; of several TOTAL-FAILED comes
    before INDETERMINATE. What is refused comes before what is `held` (codes for which the policy
    waits): nobody waits for a file that cannot pass. Among equals the first one. None: all pass.
    """
    return min(
        objections,
        key=lambda one: (one.indication != "TOTAL-FAILED", one.code in held),
        default=None,
    )


def refused(sub_indication: SubIndication, rule: str, code: str, detail: str) -> Refused:
    """Return the exception for an objection."""
    return Refused(Objection(sub_indication, rule, code, detail))
