"""Has the engine judge mutants, and says what each judgement amounts to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from services.signing.validation.file import validate
from services.signing.validation.trust import Trust
from tests.mutants import same
from tests.mutants.plan import Mutant, Plan

Judge: TypeAlias = Callable[[Mutant, Trust, Plan], str]
"""From a mutant to an outcome: `sound` is accepted."""
Kind = Literal["refused", "harmless", "accepted", "escaped"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one judgement amounts to."""

    kind: Kind
    detail: str = ""
    """Why it is harmless, or what escaped."""


def engine(mutant: Mutant, trust: Trust, plan: Plan) -> str:
    """Judge as signing's workers do."""
    return validate(mutant.content, mutant.signature, trust, plan.corpus.at).outcome


def weigh(mutant: Mutant, trust: Trust, plan: Plan, judge: Judge) -> Said:
    """Judge a mutant: whatever is raised has escaped, whatever is sound must be explained."""
    try:
        outcome = judge(mutant, trust, plan)
    except Exception as error:  # noqa: BLE001 (to be counted; memory that runs out too)
        return Said("escaped", f"{type(error).__name__}: {error}"[:300])
    if outcome != "sound":
        return Said("refused")
    why = mutant.harmless or _explained(mutant, plan)
    return Said("harmless", why) if why else Said("accepted")


def _explained(mutant: Mutant, plan: Plan) -> str | None:
    content, signature = plan.original(mutant)
    if mutant.signature is None or signature is None:
        return same.letter(plan.corpus, content, mutant.content)
    if mutant.content != content:
        return None
    return same.signature(plan.corpus, signature, mutant.signature)
