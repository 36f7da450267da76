"""A verdict with all that it rests on, so that it can be repeated in twenty years (pure)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, cast
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from services.signing.certificate import Registered
from services.signing.finding import Finding
from services.signing.validation.material import Authority, Listed, Material, Purpose, digest
from services.signing.verdict import Verdict

SCHEMA = "lienthong/verdict/2"
_FORM = re.compile(r"lienthong/verdict/[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of material, to be kept under its digest."""

    sha256: str
    kind: Literal["policy", "certificate", "crl", "ocsp", "cms"]
    content: bytes


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verdict is about."""

    dispatch_id: UUID
    document_id: UUID
    document_code: str
    sender_id: UUID
    sha256: str
    role: str


@dataclass(frozen=True, slots=True)
class _Trusted:
    """An authority of the trust list, its certificate by digest."""

    name: str
    sha256: str
    anchor: bool
    trusted_from: datetime
    trusted_until: datetime | None
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class _Listed:
    authority: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Named:
    """The material of a judgement, every piece by its digest."""

    policy: str
    authorities: tuple[_Trusted, ...]
    lists: tuple[_Listed, ...]
    answers: tuple[str, ...]
    signature: str | None
    """The file's detached signature; None: it stands in the file."""

    def digests(self) -> set[str]:
        """Return the digests of all pieces."""
        trusted = {one.sha256 for one in self.authorities}
        own = {self.signature} if self.signature else set[str]()
        return {self.policy, *trusted, *(one.sha256 for one in self.lists), *self.answers, *own}


class Incomplete(ValueError):  # noqa: N818 (what the evidence is)
    """Evidence that is not one, or a piece of it that is missing or another one."""


class OtherForm(Incomplete):
    """Evidence of an older or a newer form: nothing is wrong with it, and it is not read here."""


_NAMED = TypeAdapter(Named)


def opened(evidence: bytes) -> dict[str, Any]:
    """Return stored evidence as it was written. Raises Incomplete, OtherForm."""
    try:
        said = orjson.loads(evidence)
    except orjson.JSONDecodeError:
        raise Incomplete("the evidence is not JSON") from None
    if not isinstance(said, dict):
        raise Incomplete("the evidence is not an object")
    read = cast("dict[str, Any]", said)
    check_form(read)
    return read


def check_form(evidence: Mapping[str, Any]) -> None:
    """Check that evidence is of the form that is read here. Raises Incomplete, OtherForm."""
    form = evidence.get("schema")
    if form == SCHEMA:
        return
    if isinstance(form, str) and _FORM.fullmatch(form):
        raise OtherForm(f"the evidence is of the form {form}, and {SCHEMA} is read here")
    raise Incomplete(f"the evidence is not of the form {SCHEMA}")


def pieces(
    material: Material, finding: Finding | None, detached: bytes | None = None
) -> list[Piece]:
    """Return what is to be kept of a judgement's material: of revocation data what had a say."""
    own = [] if detached is None else [Piece(digest(detached), "cms", detached)]
    lists, answers = _told(finding)
    told = {sha256 for _, sha256 in lists}
    shared = (one for one in _shared(_for_all(material)) if one.kind != "crl" or one.sha256 in told)
    about = (Piece(digest(der), "ocsp", der) for der in material.answers)
    return [*shared, *(one for one in about if one.sha256 in answers), *own]


def _for_all(material: Material) -> Material:
    """Return what many verdicts rest on alike: without answers, which are about few files."""
    return replace(material, answers=()) if material.answers else material


def _told(finding: Finding | None) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the lists, with their authorities, and the answers that had a say in a finding."""
    if finding is None:
        return set(), set()
    return {(one.authority, one.sha256) for one in finding.lists}, set(finding.answers)


@lru_cache(maxsize=4)
def _shared(material: Material) -> tuple[Piece, ...]:
    """Lists of megabytes are hashed when they change, not for every verdict."""
    found = [Piece(digest(material.policy), "policy", material.policy)]
    found.extend(Piece(digest(one.der), "certificate", one.der) for one in material.authorities)
    found.extend(Piece(digest(one.der), "crl", one.der) for one in material.lists)
    return tuple(found)


def written(
    subject: Subject,
    verdict: Verdict,
    finding: Finding | None,
    registered: Mapping[str, Registered],
    given: Material | None,
    *,
    detached: bytes | None = None,
    waited: str | None = None,
) -> tuple[bytes, str]:
    """Return the verdict with all it rests on as JSON bytes, and their SHA-256.

    `waited`: for so long nobody could tell, and the file was given up.
    """
    content = orjson.dumps(
        {
            "schema": SCHEMA,
            "subject": asdict(subject),
            "verdict": asdict(verdict),
            "waited": waited,
            "finding": asdict(finding) if finding else None,
            "registered": [asdict(registered[digest]) for digest in sorted(registered)],
            "material": asdict(_named(given, finding, detached)) if given else None,
        },
        default=str,  # ids as the database gives them
        option=orjson.OPT_SORT_KEYS,
    )
    return content, hashlib.sha256(content).hexdigest()


def named(evidence: Mapping[str, Any]) -> Named:
    """Return what evidence says that it rests on. Raises Incomplete."""
    try:
        return _NAMED.validate_python(evidence.get("material"))
    except ValidationError as error:
        raise Incomplete(f"the evidence names no material: {error.error_count()} faults") from None


def material(names: Named, kept: Mapping[str, bytes]) -> Material:
    """Return the material of a judgement from its pieces. Raises Incomplete."""
    for sha256 in sorted(names.digests()):
        if sha256 not in kept:
            raise Incomplete(f"{sha256} is missing")
        if digest(kept[sha256]) != sha256:
            raise Incomplete(f"{sha256} is not what was kept")
    return Material(
        policy=kept[names.policy],
        authorities=tuple(
            Authority(
                name=one.name,
                der=kept[one.sha256],
                anchor=one.anchor,
                trusted_from=one.trusted_from,
                trusted_until=one.trusted_until,
                purposes=one.purposes,
            )
            for one in names.authorities
        ),
        lists=tuple(Listed(one.authority, kept[one.sha256]) for one in names.lists),
        answers=tuple(kept[one] for one in names.answers),
    )


def _named(given: Material, finding: Finding | None, detached: bytes | None) -> Named:
    """Return the names of what a judgement rested on.

    All authorities are named, also those that issued nothing of the file: a certificate that none
    of them has issued is refused for that.
    """
    signature = None if detached is None else digest(detached)
    names, (lists, answers) = _names(_for_all(given)), _told(finding)
    about = (digest(der) for der in given.answers)
    return replace(
        names,
        lists=tuple(one for one in names.lists if (one.authority, one.sha256) in lists),
        answers=tuple(one for one in about if one in answers),
        signature=signature,
    )


@lru_cache(maxsize=4)
def _names(given: Material) -> Named:
    return Named(
        policy=digest(given.policy),
        authorities=tuple(
            _Trusted(
                one.name,
                digest(one.der),
                one.anchor,
                one.trusted_from,
                one.trusted_until,
                one.purposes,
            )
            for one in given.authorities
        ),
        lists=tuple(_Listed(one.authority, digest(one.der)) for one in given.lists),
        answers=(),
        signature=None,
    )
