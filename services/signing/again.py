"""Repeats a stored verdict from its evidence and the file alone: nothing is asked of anybody."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from services.signing.certificate import Registered
from services.signing.evidence import Incomplete, material, named, opened
from services.signing.finding import STORE_TROUBLE, TOO_HEAVY, UNREADABLE, Finding
from services.signing.validation.file import validate
from services.signing.validation.material import Material, digest
from services.signing.validation.policy import BadPolicy, Policy
from services.signing.validation.trust import Trust
from services.signing.verdict import STRIKES, Outdated, Verdict, given_up, judge, unread
from shared.ids import AgencyId

_REGISTERED = TypeAdapter(tuple[Registered, ...])
_PARTS = ("subject", "verdict", "finding", "registered", "material")
_ANY = datetime(2026, 1, 1, tzinfo=UTC)
_BY_CHANCE = {
    TOO_HEAVY: "a worker met its limits or was killed, which another machine decides otherwise",
    STORE_TROUBLE: "the file could not be read from the store",
}
"""Why a verdict without a finding does not follow from the file, by its reason."""


class Unrepeatable(Exception):  # noqa: N818 (what the verdict is)
    """The verdict rests on what became of a look at the file, which no other look repeats."""


class Unreadable(Exception):  # noqa: N818 (what the file is)
    """No library reads the file to its end."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A root that was trusted in a judgement."""

    name: str
    sha256: str
    used: bool
    """A chain of the file ends in it."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A verdict that was made again."""

    verdict: Verdict
    finding: Finding | None
    """None: no library reads the file to its end."""
    policy: Policy
    """The one that was applied, not today's."""
    anchors: tuple[Anchor, ...]
    differs: tuple[str, ...]
    """What is not as it was stored; the versions of libraries are not looked at."""


@dataclass(frozen=True, slots=True)
class _Basis:
    """What evidence says that a verdict rests on."""

    material: Material
    signature: bytes | None
    registered: tuple[Registered, ...]
    role: str
    sender: AgencyId
    at: datetime


def repeat(
    evidence: bytes, kept: Mapping[str, bytes], content: bytes, *, at: datetime | None = None
) -> Repeated:
    """Judge a file again with what a stored verdict rested on, at its moment or another.

    Nothing here says that the evidence is the exchange's: whoever writes it chooses roots, register
    and policy (its SHA-256 and the roots have to be known some other way). Raises Incomplete for
    evidence of another file, or with which nothing can be judged; OtherForm; Unrepeatable.
    """
    stored = _read(evidence)
    try:
        by = _basis(stored, kept, digest(content))
        trust = Trust(by.material)
    except (Incomplete, Unrepeatable):
        raise
    except (BadPolicy, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Incomplete(f"the evidence is not whole: {type(error).__name__} {error}") from None
    finding, verdict = _looked(stored, by, trust, content, at or by.at)
    waited = stored.get("waited")
    if waited is not None and at is None and verdict.indication == "INDETERMINATE":
        verdict = given_up(verdict, str(waited))
    differs = _differences(stored, verdict, finding) if at is None else ()
    return Repeated(verdict, finding, trust.policy, anchors(by.material, finding), differs)


def unrepeatable(stored: Mapping[str, Any]) -> str | None:
    """Return why a verdict does not follow from the file and its evidence; None: it does.

    Raises Incomplete for one that no failed look leads to.
    """
    if stored["finding"] is not None:
        return None
    said = stored["verdict"]
    final = said["indication"] == "TOTAL-FAILED"
    if said != asdict(unread(str(said["reason"]), said["detail"], final=final)):
        raise Incomplete("no file was judged, and no failed look leads to this verdict")
    why = _BY_CHANCE.get(said["reason"])
    return why and f"{said['indication']} {said['reason']} ({said['detail']}): {why}"


def validated(content: bytes, signature: bytes | None, trust: Trust, at: datetime) -> Finding:
    """Return what a file's signatures are worth. Raises Unreadable."""
    try:
        return validate(content, signature, trust, at)
    except MemoryError:
        raise  # that is of this machine, not of the file
    except Exception as error:  # noqa: BLE001 (a hostile file may raise anything, as in a worker)
        raise Unreadable(type(error).__name__) from None


def anchors(given: Material, finding: Finding | None) -> tuple[Anchor, ...]:
    """Return the roots that were trusted, in the order of the trust list."""
    signatures = finding.signatures if finding else ()
    stamps = (stamp.chain for one in signatures for stamp in one.stamps)
    chains = (*(one.chain for one in signatures), *stamps)
    ends = {chain[0] for chain in chains if chain}
    listed = ((one.name, digest(one.der)) for one in given.authorities if one.anchor)
    return tuple(Anchor(name, sha256, sha256 in ends) for name, sha256 in listed)


def _basis(stored: Mapping[str, Any], kept: Mapping[str, bytes], sha256: str) -> _Basis:
    """Return what the evidence of a file rests on.

    Raises Incomplete, Unrepeatable, or what its form leads to.
    """
    subject, finding = stored["subject"], stored["finding"]
    if sha256 != subject["sha256"]:
        raise Incomplete("the evidence is of another file")
    if (why := unrepeatable(stored)) is not None:
        raise Unrepeatable(why)
    names = named(stored)
    return _Basis(
        material=material(names, kept),
        signature=kept[names.signature] if names.signature else None,
        registered=_REGISTERED.validate_python(stored["registered"]),
        role=str(subject["role"]),
        sender=AgencyId(UUID(subject["sender_id"])),
        # Where a parser fails the moment is not kept: the file is read before it counts.
        at=datetime.fromisoformat(finding["checked_at"]) if finding else _ANY,
    )


def _looked(
    stored: Mapping[str, Any], by: _Basis, trust: Trust, content: bytes, at: datetime
) -> tuple[Finding | None, Verdict]:
    """Look at a file again. Raises Incomplete where a library fails that did not, or not again."""
    failed = stored["finding"] is None
    try:
        finding = validated(content, by.signature, trust, at)
    except Unreadable as why:
        if failed:
            return None, _failed(stored["verdict"], str(why))
        said = f"a library fails on the file that it read when it was judged ({why})"
        raise Incomplete(said) from None
    if failed:
        raise Incomplete("the libraries read the file now, on which one failed when it was judged")
    return finding, _judged(finding, by, trust.policy)


def _failed(said: Mapping[str, Any], why: str) -> Verdict:
    """Return the verdict on a file that a library fails on, after as many tries as before."""
    final = said["indication"] == "TOTAL-FAILED"
    return unread(UNREADABLE, f"{why}, {STRIKES} times" if final else why, final=final)


def _judged(finding: Finding, by: _Basis, policy: Policy) -> Verdict:
    """Return the verdict. Raises Incomplete for a register with which none was ever given."""
    registered = {row.sha256: row for row in by.registered}
    try:
        return judge(finding, registered, policy, role=by.role, sender=by.sender)
    except Outdated:
        raise Incomplete("the evidence's lists are older than its register") from None


def _read(evidence: bytes) -> dict[str, Any]:
    read = opened(evidence)
    missing = [name for name in _PARTS if name not in read]
    if missing:
        raise Incomplete(f"the evidence has no {', '.join(missing)}")
    return read


def _differences(
    stored: Mapping[str, Any], verdict: Verdict, finding: Finding | None
) -> tuple[str, ...]:
    """Return the names of what was stored otherwise."""
    made = {"verdict": asdict(verdict)} | ({"finding": asdict(finding)} if finding else {})
    now = orjson.loads(orjson.dumps(made))
    return tuple(
        f"{part}.{name}"
        for part, values in now.items()
        for name, value in values.items()
        if name != "libraries" and not _is_same(name, stored[part].get(name), value)
    )


def _is_same(name: str, before: Any, now: Any) -> bool:  # noqa: ANN401 (any JSON)
    if name == "lists":  # evidence of before names all lists that were at hand
        return all(one in (before or ()) for one in now)
    if name == "answers" and before is None:  # and has all answers in its material alone
        return True
    return before == now
