"""Judges with a fault: the checker has to find each of them."""

from collections.abc import Generator
from contextlib import contextmanager

from services.signing.validation import signature
from services.signing.validation.cms import Signed
from services.signing.validation.trust import Chain, Trust
from tests.mutants.judging import engine
from tests.mutants.plan import Mutant, Plan


def _trusting(_signed: Signed, _digest: bytes, _chain: Chain) -> None:
    return


@contextmanager
def _without_digest() -> Generator[None]:
    kept = signature._check_made  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    signature._check_made = _trusting  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    try:
        yield
    finally:
        signature._check_made = kept  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def believes(mutant: Mutant, trust: Trust, plan: Plan) -> str:
    """Look neither at the digest nor at the signature's value."""
    with _without_digest():
        return engine(mutant, trust, plan)


def believes_all(_mutant: Mutant, _trust: Trust, _plan: Plan) -> str:
    """Find everything sound."""
    return "sound"


def raises(_mutant: Mutant, _trust: Trust, _plan: Plan) -> str:
    """Let an exception through."""
    raise KeyError("planted")


def never_ends(_mutant: Mutant, _trust: Trust, _plan: Plan) -> str:
    """Use up all time there is."""
    while True:
        pass
