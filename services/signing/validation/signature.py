"""One signature, judged from its bytes to its conclusion, after EN 319 102-1 5.3 and 5.5."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.signing.finding import (
    ALTERED,
    REVOCATION_UNKNOWN,
    UNREADABLE,
    UNTRUSTED,
    WRONG_USE,
)
from services.signing.validation.algorithms import Term, is_right, key_term, terms
from services.signing.validation.cms import Signed
from services.signing.validation.indication import Objection, Refused, refused
from services.signing.validation.moment import (
    Moment,
    check_known,
    check_revocation,
    check_terms,
    check_trusted,
    check_validity,
)
from services.signing.validation.policy import Certificate, Policy
from services.signing.validation.revocation import Status
from services.signing.validation.trust import Chain, Trust
from services.signing.validation.usage import allows

Use = Literal["leader", "seal", "timestamp"]
_FOR_WANT_OF_PROOF = frozenset(
    {"OUT_OF_BOUNDS_NO_POE", "REVOKED_NO_POE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"}
)
SIGNERS: tuple[Use, ...] = ("leader", "seal")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp on a signature, judged."""

    made_at: datetime | None
    """When the signature was there for certain; None: the stamp proves nothing."""
    broken: str | None
    """Why it cannot be this signature's: that is not just ignored."""
    objection: Objection | None
    """Why it proves nothing."""
    chain: Chain | None = None
    """Of its authority."""
    ways: tuple[Chain, ...] = ()
    """All that its authority's certificate has, whether one of them held or none."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the file brings beside the signature itself."""

    lists: Sequence[bytes] = ()
    answers: Sequence[bytes] = ()
    stamps: Sequence[Stamp] = ()
    """On the signature, or on the document with the signature in it."""
    changed: Objection | None = None
    """What was done to the document after the signature, where that is not allowed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a signature is worth, with all that this rests on."""

    objection: Objection | None
    chain: Chain | None
    stamped: datetime | None
    trusted_for: tuple[Use, ...] = ()
    """The kinds of signer for whom its authority is trusted."""
    fits: tuple[Use, ...] = ()
    """Those of them for whom the certificate itself may be used."""
    statuses: tuple[Status, ...] = ()
    """The revocation data that decided, the signer's certificate first."""
    leans: bool = False
    """It is sound at the moment of a time stamp alone."""
    ways: tuple[Chain, ...] = ()
    """All chains of the signer's certificate, whether one of them held or none."""


def judge(
    signed: Signed,
    content_digest: bytes,
    trust: Trust,
    at: datetime,
    *,
    uses: Sequence[Use] = SIGNERS,
    around: Around | None = None,
) -> Judged:
    """Return what a signature over content with this digest is worth at a moment."""
    beside = around or Around()
    moment = Moment(at, min(_proved(beside.stamps), default=None))
    chains: tuple[Chain, ...] = ()
    try:
        chains = trust.chains(signed.certificate)
        _check_made(signed, content_digest, chains[0])
        _check(beside.changed)
    except Refused as why:
        objection = _or_later(why.objection, beside.stamps)
        return Judged(objection, None, moment.stamped, ways=chains)
    one = _One(signed, beside, moment, uses)
    judged = [_along(one, chain, trust) for chain in chains[:1]]
    if judged[0].objection is not None:  # another of the authority's certificates may have held
        judged += [_along(one, chain, trust) for chain in chains[1:]]
    found = next((found for found in judged if found.objection is None), judged[0])
    return replace(found, ways=chains)


@dataclass(frozen=True, slots=True)
class _One:
    """A signature whose value is right, with what is to be held against it."""

    signed: Signed
    beside: Around
    moment: Moment
    uses: Sequence[Use]


def _along(one: _One, chain: Chain, trust: Trust) -> Judged:
    """Judge a signature along one chain."""
    signed, beside, moment = one.signed, one.beside, one.moment
    judged = Judged(None, None, moment.stamped)
    try:
        own = (*terms(trust.policy, signed.how), key_term(trust.policy, chain.key))
        check_known(own)
        lists, answers = (*signed.lists, *beside.lists), (*signed.answers, *beside.answers)
        if lists or answers:
            chain = trust.more(chain, lists, answers)
        judged = replace(judged, chain=chain)
        _check(chain.objection)
        _check_bag(signed, trust)
        check_known(chain.terms)
        check_trusted(chain, moment)
        judged = replace(judged, trusted_for=_trusted(chain, one.uses))
        judged = replace(judged, fits=_fits(chain, trust, judged.trusted_for))
        _check_stamps(beside.stamps)
        statuses = _check_at(chain, own, moment, trust.policy)
        return replace(judged, statuses=statuses, leans=_leans(chain, own, moment, trust.policy))
    except Refused as why:
        return replace(judged, objection=_or_later(why.objection, beside.stamps))


def _check_at(
    chain: Chain, own: Sequence[Term], moment: Moment, policy: Policy
) -> tuple[Status, ...]:
    """Check what depends on the moment; return the revocation data that decided. Raises Refused."""
    check_terms((*own, *chain.terms), moment)
    check_validity(chain, moment, policy)
    return check_revocation(chain, moment, policy)


def _leans(chain: Chain, own: Sequence[Term], moment: Moment, policy: Policy) -> bool:
    """Say whether what held at the moment of a time stamp would not hold without one."""
    if moment.stamped is None:
        return False
    bare = Moment(moment.at, None)
    try:
        check_trusted(chain, bare)
        _check_at(chain, own, bare, policy)
    except Refused:
        return True
    return False


def _or_later(objection: Objection, stamps: Iterable[Stamp]) -> Objection:
    """Return the objection; or that of a stamp which may yet prove what would remove it."""
    if objection.sub_indication not in _FOR_WANT_OF_PROOF:
        return objection
    waited = (one.objection for one in stamps if one.objection)
    return next((one for one in waited if one.code == REVOCATION_UNKNOWN), objection)


def _check(objection: Objection | None) -> None:
    if objection:
        raise Refused(objection)


def _check_made(signed: Signed, content_digest: bytes, chain: Chain) -> None:
    if signed.message_digest != content_digest:
        detail = "these are not the bytes that were signed"
        raise refused("HASH_FAILURE", "signature.digest", ALTERED, detail)
    if not is_right(chain.key, signed.value, signed.attributes, signed.how):
        detail = "not made by this certificate's key"
        raise refused("SIG_CRYPTO_FAILURE", "signature.value", ALTERED, detail)


def _proved(stamps: Iterable[Stamp]) -> list[datetime]:
    return [one.made_at for one in stamps if one.made_at is not None]


def _check_bag(signed: Signed, trust: Trust) -> None:
    if not all(trust.is_listed(one) for one in signed.others):
        raise refused(
            "FORMAT_FAILURE",
            "format.cms",
            UNREADABLE,
            "a certificate that is neither the signer's nor a listed authority's",
        )


def _trusted(chain: Chain, uses: Sequence[Use]) -> tuple[Use, ...]:
    """Return what the signer's authority is trusted for. Raises Refused when for nothing asked."""
    trusted: list[Use] = [use for use in uses if chain.is_for(use)]
    if not trusted:
        detail = f"{chain.issuers[0].listed.name} is not trusted for that"
        raise refused("CHAIN_CONSTRAINTS_FAILURE", "chain.purpose", UNTRUSTED, detail)
    return tuple(trusted)


def _fits(chain: Chain, trust: Trust, trusted: Sequence[Use]) -> tuple[Use, ...]:
    """Return for whom a certificate may be used. Raises Refused when for nobody."""
    kinds = trust.policy.page.certificates
    rules: Mapping[Use, Certificate] = {
        "leader": kinds.leader,
        "seal": kinds.seal,
        "timestamp": kinds.timestamp,
    }
    signer = chain.links[0].certificate
    fits: list[Use] = [use for use in trusted if allows(signer, rules[use])]
    if not fits:
        detail = "the certificate is not for signatures of this kind"
        rule = f"certificates.{trusted[0]}"
        raise refused("CHAIN_CONSTRAINTS_FAILURE", rule, WRONG_USE, detail)
    return tuple(fits)


def _check_stamps(stamps: Iterable[Stamp]) -> None:
    for one in stamps:
        if one.broken:
            raise refused("SIG_CONSTRAINTS_FAILURE", "time.stamp_broken", ALTERED, one.broken)
