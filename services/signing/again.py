"""Repeats a stored verdict from its evidence and the file alone: nothing is asked of anybody."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from services.signing.certificate import Registered
from services.signing.evidence import SCHEMA, Incomplete, material, named
from services.signing.finding import Finding
from services.signing.validation.file import validate
from services.signing.validation.material import digest
from services.signing.validation.policy import BadPolicy, Policy
from services.signing.validation.trust import Trust
from services.signing.verdict import Verdict, given_up, judge
from shared.ids import AgencyId

_REGISTERED = TypeAdapter(tuple[Registered, ...])


@dataclass(frozen=True, slots=True)
class Repeated:
    """A verdict that was made again."""

    verdict: Verdict
    finding: Finding
    policy: Policy
    """The one that was applied, not today's."""
    differs: tuple[str, ...]
    """What is not as it was stored; the versions of libraries are not looked at."""


def repeat(
    evidence: bytes, kept: Mapping[str, bytes], content: bytes, *, at: datetime | None = None
) -> Repeated:
    """Judge a file again with what a stored verdict rested on, at its moment or another.

    Raises Incomplete for evidence of another file, or that is not whole.
    """
    stored = _read(evidence)
    subject = stored["subject"]
    if digest(content) != subject["sha256"]:
        raise Incomplete("the evidence is of another file")
    if stored["finding"] is None:
        raise Incomplete("no file was judged: there was no answer from a worker")
    try:
        names = named(stored)
        trust = Trust(material(names, kept))
        rows = _REGISTERED.validate_python(stored["registered"])
        moment = at or datetime.fromisoformat(stored["finding"]["checked_at"])
    except (BadPolicy, ValidationError, ValueError, KeyError) as error:
        raise Incomplete(str(error)) from None
    signature = kept[names.signature] if names.signature else None
    finding = validate(content, signature, trust, moment)
    registered = {row.sha256: row for row in rows}
    verdict = judge(
        finding, registered, role=subject["role"], sender=AgencyId(UUID(subject["sender_id"]))
    )
    waited = stored.get("waited")
    if waited is not None and at is None and verdict.indication == "INDETERMINATE":
        verdict = given_up(verdict, str(waited))
    differs = _differences(stored, verdict, finding) if at is None else ()
    return Repeated(verdict, finding, trust.policy, differs)


def _read(evidence: bytes) -> dict[str, Any]:
    try:
        stored = orjson.loads(evidence)
    except orjson.JSONDecodeError:
        raise Incomplete("the evidence is not JSON") from None
    if not isinstance(stored, dict):
        raise Incomplete("the evidence is not an object")
    read = cast("dict[str, Any]", stored)
    if read.get("schema") != SCHEMA:
        raise Incomplete(f"the evidence is not of the form {SCHEMA}")
    return read


def _differences(stored: Mapping[str, Any], verdict: Verdict, finding: Finding) -> tuple[str, ...]:
    """Return the names of what was stored otherwise."""
    now = orjson.loads(orjson.dumps({"verdict": asdict(verdict), "finding": asdict(finding)}))
    return tuple(
        f"{part}.{name}"
        for part, values in now.items()
        for name, value in values.items()
        if name != "libraries" and stored[part].get(name) != value
    )
