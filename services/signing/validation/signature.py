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
    may_prove: datetime | None = None
    """When it says that it was made, where revocation data alone is wanting that it be believed."""


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
class Says:
    """What a time stamp itself says, when it is the signature that is judged."""

    at: datetime
    """When it was made."""
    terms: Sequence[Term]
    """Until when the digest that it is over may be used."""


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
    says: Says | None = None,
) -> Judged:
    """Return what a signature over content with this digest is worth at a moment."""
    beside = around or Around()
    moment = Moment(at, min(_proved(beside.stamps), default=None), says.at if says else None)
    ways: tuple[Chain, ...] = ()
    try:
        ways = trust.chains(signed.certificate)
        _check_made(signed, content_digest, ways[0])
        _check(beside.changed)
    except Refused as why:
        return Judged(why.objection, None, moment.stamped, ways=ways)
    one = _One(signed, beside, moment, uses, says.terms if says else ())
    lists, answers = (*signed.lists, *beside.lists), (*signed.answers, *beside.answers)
    chains = ways
    if lists or answers:
        chains = tuple(trust.more(chain, lists, answers) for chain in ways)
    judged = [(_along(one, chain, trust), chain) for chain in chains]
    # A revoked or suspended signer ends the search (EN 319 102-1 5.2.6.4, 4 b, c). What else speaks
    # against a chain, a revoked or suspended authority too, sends it to the next (4 a, d, e; 5, 6).
    ending = [found for found in judged if (why := found[0].objection) and why.ends_search]
    found = min((_later(one, *found, trust) for found in ending or judged), key=_rank)
    return replace(found, ways=ways)


@dataclass(frozen=True, slots=True)
class _One:
    """A signature whose value is right, with what is to be held against it."""

    signed: Signed
    beside: Around
    moment: Moment
    uses: Sequence[Use]
    terms: Sequence[Term]


def _rank(judged: Judged) -> int:
    """Return which chain decides: one that holds, one that may yet hold, else the first one."""
    if judged.objection is None:
        return 0
    return 1 if judged.objection.code == REVOCATION_UNKNOWN else 2


def _later(one: _One, judged: Judged, chain: Chain, trust: Trust) -> Judged:
    """Return what was judged; or have it wait for a time stamp that may yet prove otherwise.

    That is one which revocation data alone is wanting to, and at whose moment nothing speaks
    against the signature for good. It never passes because of it.
    """
    if judged.objection is None or judged.objection.code == REVOCATION_UNKNOWN:
        return judged
    for stamp in one.beside.stamps:
        if stamp.objection is None or stamp.may_prove is None:
            continue
        stamped = min(stamp.may_prove, one.moment.stamped or stamp.may_prove)
        then = _along(replace(one, moment=replace(one.moment, stamped=stamped)), chain, trust)
        if then.objection is None or then.objection.code == REVOCATION_UNKNOWN:
            facts = replace(then, stamped=judged.stamped, statuses=(), leans=False)
            return replace(facts, objection=stamp.objection)
    return judged


def _along(one: _One, chain: Chain, trust: Trust) -> Judged:
    """Judge a signature along one chain."""
    signed, beside, moment = one.signed, one.beside, one.moment
    judged = Judged(None, None, moment.stamped)
    try:
        own = (*terms(trust.policy, signed.how), key_term(trust.policy, chain.key), *one.terms)
        check_known(own)
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
        return replace(judged, objection=why.objection)


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
    bare = replace(moment, stamped=None)
    try:
        check_trusted(chain, bare)
        _check_at(chain, own, bare, policy)
    except Refused:
        return True
    return False


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
