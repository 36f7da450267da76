"""What was found in a file, as the facts that are kept: names of persons are not among them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from services.signing.finding import (
    OWN,
    REVOCATION_UNKNOWN,
    Checked,
    Finding,
    ListUsed,
    Outcome,
    Signature,
    TimeStamp,
    Unit,
)
from services.signing.validation.cms import Signed
from services.signing.validation.indication import Objection, decisive
from services.signing.validation.material import digest
from services.signing.validation.policy import Policy
from services.signing.validation.signature import Judged, Stamp
from services.signing.validation.trust import Chain, Trust

_MOST_UNITS = 16
_PARSING = ("pyHanko", "pyhanko-certvalidator", "asn1crypto", "cryptography", "lxml")


def _own() -> str:
    """Return which sources judge: they run as they lie, and no release number tells them apart."""
    home = Path(__file__).parents[1]
    summed = hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        name, content = str(path.relative_to(home)).encode(), path.read_bytes()
        summed.update(hashlib.sha256(name).digest() + hashlib.sha256(content).digest())
    return f"sources-{summed.hexdigest()[:16]}"


SOFTWARE = {
    OWN: _own(),
    "Python": python_version(),
    **{name: version(name) for name in _PARSING},
}
"""With what a verdict is made, by version: it is kept with it, and nothing depends on it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature stands, and what the file itself says of it."""

    field: str
    coverage: str
    changes: str
    claimed_at: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One signature with what came of judging it."""

    place: Place
    signed: Signed | None
    judged: Judged
    stamps: Sequence[Stamp]


@dataclass(frozen=True, slots=True)
class Described:
    """What was found in a file, and what is told beside it."""

    finding: Finding
    units: tuple[Unit, ...] = ()


def found(seen: Sequence[Seen], trust: Trust, at: datetime, size: int) -> Described:
    """Return what was found: of the signatures that are not sound the gravest decides."""
    objections = [one.judged.objection for one in seen if one.judged.objection]
    finding = _finding(decisive(objections, held=_held(trust)), trust, at, size, seen)
    return Described(finding, _units(seen, trust.policy))


def _held(trust: Trust) -> frozenset[str]:
    """Return for which objections the policy has a file wait."""
    hold = trust.policy.page.revocation.known.hold
    return frozenset({REVOCATION_UNKNOWN}) if hold else frozenset()


def refusal(objection: Objection, trust: Trust, at: datetime, size: int) -> Described:
    """Return what was found in a file of which no signature was judged."""
    return Described(_finding(objection, trust, at, size, ()))


def _units(seen: Sequence[Seen], policy: Policy) -> tuple[Unit, ...]:
    """Return whose stamps count, or would if more were known of their revocation: the first few."""
    units: dict[str, Unit] = {}
    for stamp in (stamp for one in seen for stamp in one.stamps):
        if stamp.made_at is None and stamp.may_prove is None:
            continue
        link = (stamp.chain or stamp.ways[0]).links[0]
        gone = any(
            one.revoked_at and not one.on_hold and not one.retired(policy) for one in link.statuses
        )
        units[link.sha256] = Unit(link.certificate.public_bytes(Encoding.DER), gone)
    return tuple(units.values())[:_MOST_UNITS]


def _finding(
    objection: Objection | None, trust: Trust, at: datetime, size: int, seen: Sequence[Seen]
) -> Finding:
    ways = _ways(seen)
    # An issuer's lists may stand under another entry, which is itself on no way.
    told = {one.material for way in ways for issuer in way.issuers for one in issuer.lists}
    outcome: Outcome = "sound"
    if objection:
        outcome = "unknown" if objection.code in _held(trust) else "bad"
    return Finding(
        outcome=outcome,
        indication=objection.indication if objection else "TOTAL-PASSED",
        sub_indication=objection.sub_indication if objection else None,
        rule=objection.rule if objection else None,
        reason=objection.code if objection else None,
        detail=objection.detail if objection else "",
        signatures=tuple(_signature(one) for one in seen),
        lists=tuple(
            ListUsed(
                authority=name,
                number=known.number,
                sha256=known.material,
                this_update=known.this_update.isoformat(),
                next_update=known.next_update.isoformat() if known.next_update else None,
            )
            for name, known in trust.lists()
            if known.material in told
        ),
        policy=trust.policy.id,
        policy_sha256=trust.policy.sha256,
        checked_at=at.isoformat(),
        size=size,
        libraries=SOFTWARE,
        answers=_answers(ways),
    )


def _ways(seen: Sequence[Seen]) -> tuple[Chain, ...]:
    """Return the ways from all certificates to a root: nothing beside them can have told anything.

    What the file itself brings is not in them.
    """
    judged = (each for one in seen for each in (one.judged, *one.stamps))
    return tuple(way for each in judged for way in each.ways)


def _answers(ways: Sequence[Chain]) -> tuple[str, ...]:
    told = (status for way in ways for link in way.links for status in link.statuses)
    return tuple(sorted({one.material for one in told if one.source == "ocsp"}))


def _signature(one: Seen) -> Signature:
    signed, judged, objection = one.signed, one.judged, one.judged.objection
    links = judged.chain.links if judged.chain else ()
    return Signature(
        field=one.place.field,
        certificate=digest(signed.certificate) if signed else "",
        chain=_path(judged.chain) if objection is None or objection.rule != "chain.path" else (),
        algorithm=signed.how.algorithm if signed else "",
        digest=signed.how.digest if signed else "",
        key=_key(judged),
        claimed_at=one.place.claimed_at,
        stamps=tuple(
            TimeStamp(
                stamp.made_at.isoformat() if stamp.made_at else None,
                stamp.broken or (stamp.objection.detail if stamp.objection else ""),
                _path(stamp.chain),
            )
            for stamp in one.stamps
        ),
        coverage=one.place.coverage,
        changed_after=one.place.changes,
        trusted_for=judged.trusted_for,
        fits=judged.fits,
        indication=objection.indication if objection else "TOTAL-PASSED",
        sub_indication=objection.sub_indication if objection else None,
        rule=objection.rule if objection else None,
        problem=objection.code if objection else None,
        detail=objection.detail if objection else "",
        checked=tuple(
            Checked(
                certificate=link.sha256,
                source=status.source,
                material=status.material,
                this_update=status.this_update.isoformat(),
                next_update=status.next_update.isoformat() if status.next_update else None,
            )
            for link, status in zip(links, judged.statuses, strict=False)
        ),
        leans=judged.leans,
    )


def _path(chain: Chain | None) -> tuple[str, ...]:
    """Return the digests of a chain from the root to the signer."""
    links = chain.links if chain else ()
    return (links[-1].issuer.sha256, *(link.sha256 for link in reversed(links))) if links else ()


def _key(judged: Judged) -> str:
    if judged.chain is None:
        return ""
    key = judged.chain.key
    return f"rsa {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else f"ec {key.curve.name}"
