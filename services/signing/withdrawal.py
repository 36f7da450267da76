"""A withdrawal as it goes with the evidence of the verdict that no longer holds (pure)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from services.signing.evidence import Incomplete

SCHEMA = "lienthong/withdrawal/1"


@dataclass(frozen=True, slots=True)
class Cause:
    """The certificate for which verdicts were withdrawn, as the register knows it now."""

    sha256: str
    kind: str
    issuer: str
    revoked_at: datetime | None
    """Since when it is not trusted."""
    reason: str | None
    """A word of RFC 5280 5.3.1."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A good verdict that no longer holds: for the dispatch with all its files, for good."""

    dispatch_id: UUID
    reason: str
    """A code of the problem table."""
    withdrawn_at: datetime | None
    """None: signing knows of none, and docs has taken it back for what was judged later."""
    certificate: Cause | None


@dataclass(frozen=True, slots=True)
class _Written:
    """The member of a bundle: it names the evidence that it is about, which stays as it was."""

    schema: Literal["lienthong/withdrawal/1"]
    evidence_sha256: str
    indication: Literal["TOTAL-FAILED"]
    """What the verdict is now."""
    withdrawal: Withdrawal


_WRITTEN = TypeAdapter(_Written)


def written(one: Withdrawal, *, evidence_sha256: str) -> bytes:
    """Return a withdrawal as JSON that names the evidence of the verdict that no longer holds."""
    return orjson.dumps(
        asdict(_Written(SCHEMA, evidence_sha256, "TOTAL-FAILED", one)),
        default=str,  # ids as the database gives them
        option=orjson.OPT_SORT_KEYS,
    )


def read(content: bytes, *, evidence_sha256: str) -> Withdrawal:
    """Return what `written` has written about this evidence. Raises Incomplete for all else."""
    try:
        said = _WRITTEN.validate_json(content)
    except ValidationError as error:
        faults = error.error_count()
        raise Incomplete(f"the withdrawal is not of the form {SCHEMA}: {faults} faults") from None
    if said.evidence_sha256 != evidence_sha256:
        raise Incomplete("the withdrawal is of another verdict")
    return said.withdrawal
