"""Whether a chain held at a moment: algorithms, trust, validity, revocation (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.signing.finding import EXPIRED, REVOCATION_UNKNOWN, REVOKED, UNTRUSTED, WEAK
from services.signing.validation.algorithms import Term, never
from services.signing.validation.indication import Objection, Refused, SubIndication, refused
from services.signing.validation.policy import Policy
from services.signing.validation.revocation import Status
from services.signing.validation.trust import Chain, Link


@dataclass(frozen=True, slots=True)
class Moment:
    """When a signature is judged, and since when it is known to have been there."""

    at: datetime
    """When it is judged: the world is known up to then."""
    stamped: datetime | None
    """When a good time stamp says that it was there; None: there is no such stamp."""
    made: datetime | None = None
    """When it says itself that it was made; only a time stamp is believed, and not always."""

    @property
    def best(self) -> datetime:
        """Return best-signature-time (EN 319 102-1 5.5.4): what is judged is that moment."""
        return self.at if self.stamped is None else self.stamped


def check_known(terms: Iterable[Term]) -> None:
    """Check that the policy knows these algorithms at all. Raises Refused."""
    for term in terms:
        if term.ends is None:
            raise never(term.rule, term.name)


def check_terms(terms: Iterable[Term], moment: Moment) -> None:
    """Check that the algorithms were still to be used. Raises Refused."""
    for term in terms:
        if term.ends is not None and moment.best >= term.ends:
            detail = f"{term.name} only until {term.ends:%Y-%m-%d}"
            raise refused("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", term.rule, WEAK, detail)


def check_trusted(chain: Chain, moment: Moment) -> None:
    """Check that every authority of the way was trusted. Raises Refused."""
    for place, issuer in enumerate(chain.issuers):
        listed = issuer.listed
        if place and "authority" not in listed.purposes:
            detail = f"{listed.name} is not trusted for authorities"
            raise refused("CHAIN_CONSTRAINTS_FAILURE", "chain.purpose", UNTRUSTED, detail)
        ended = listed.trusted_until is not None and moment.best > listed.trusted_until
        if moment.best < listed.trusted_from or ended:
            raise refused(
                "CHAIN_CONSTRAINTS_FAILURE",
                "chain.purpose",
                UNTRUSTED,
                f"{listed.name} is not trusted at that time",
            )


def check_validity(chain: Chain, moment: Moment, policy: Policy) -> None:
    """Check that every certificate, the anchor's too, was valid. Raises Refused."""
    apart = policy.clocks_apart
    certificates = [link.certificate for link in chain.links]
    certificates.append(chain.issuers[-1].certificate)
    for one in certificates:
        begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
        if begins <= moment.best + apart and moment.best - apart <= ends:
            continue
        # A stamp says that a signature was there by then, never that it was not there before.
        early = moment.stamped is not None and moment.best < begins
        sub: SubIndication = "NOT_YET_VALID" if early else "OUT_OF_BOUNDS_NO_POE"
        raise refused(sub, "time.validity", EXPIRED, f"valid {begins:%Y-%m-%d} to {ends:%Y-%m-%d}")


def check_revocation(chain: Chain, moment: Moment, policy: Policy) -> tuple[Status, ...]:
    """Check that no certificate was revoked, and that this is known. Raises Refused.

    Returns what it rests on, the signer's certificate first.
    """
    usable = [_usable(link.statuses, moment, policy) for link in chain.links]
    for link, statuses in zip(chain.links, usable, strict=True):
        _check_revoked(link, statuses, moment, policy)
    return tuple(
        _fresh(link, statuses, moment, policy)
        for link, statuses in zip(chain.links, usable, strict=True)
    )


def _usable(statuses: Sequence[Status], moment: Moment, policy: Policy) -> list[Status]:
    """Return what was known at that time, the newest first."""
    known = [one for one in statuses if one.this_update <= moment.at + policy.clocks_apart]
    return sorted(known, key=lambda one: (one.this_update, one.material), reverse=True)


def _check_revoked(link: Link, statuses: Sequence[Status], moment: Moment, policy: Policy) -> None:
    for status in statuses:
        if status.revoked_at is None or (status.on_hold and status is not statuses[0]):
            continue  # a suspension that a newer list no longer tells of has ended
        if status.on_hold and not _is_fresh(status, link, moment, policy):
            raise _stale(link, status)  # it may have ended since
        if not link.authority and _is_older(moment, status, status.revoked_at, policy):
            continue
        sub: SubIndication = "REVOKED_NO_POE"
        if status.on_hold:
            sub = "TRY_LATER"  # EN 319 102-1 5.2.6: it may be good again
        elif link.authority:
            sub = "REVOKED_CA_NO_POE"
        detail = f"{status.reason} since {status.revoked_at:%Y-%m-%dT%H:%M:%SZ}"
        why = Objection(sub, "revocation.revoked", REVOKED, detail, ends_search=not link.authority)
        raise Refused(why)


def _is_older(moment: Moment, status: Status, revoked_at: datetime, policy: Policy) -> bool:
    """Say whether a signature is older than the revocation of its signer's certificate.

    A time stamp is believed to be when its unit was retired without its key being compromised, and
    the reason stands there: without one all its stamps are invalid (RFC 3161 4, 1 and 2).
    """
    if moment.stamped is not None and moment.stamped < revoked_at:
        return True
    return moment.made is not None and moment.made < revoked_at and status.retired(policy)


def _fresh(link: Link, statuses: Sequence[Status], moment: Moment, policy: Policy) -> Status:
    telling = [one for one in statuses if one.tells_of(link.certificate)]
    if statuses and not telling:
        raise refused(
            "REVOCATION_OUT_OF_BOUNDS_NO_POE",
            "revocation.known",
            EXPIRED,
            "what is known is from after the certificate's end",
        )
    if not telling:
        raise refused(
            "TRY_LATER", "revocation.known", REVOCATION_UNKNOWN, f"no list of {_issuer(link)}"
        )
    for one in telling:
        if _is_fresh(one, link, moment, policy):
            return one
    raise _stale(link, telling[0])


def _is_fresh(one: Status, link: Link, moment: Moment, policy: Policy) -> bool:
    """Say whether a status is new enough to rest on (EN 319 102-1 5.2.5)."""
    hours = policy.page.revocation.fresh.oldest_hours
    oldest = timedelta(hours=hours.authority if link.authority else hours.leaf)
    lasts = one.next_update is not None and one.next_update > moment.at
    return one.this_update >= moment.best or (lasts and moment.at - one.this_update <= oldest)


def _stale(link: Link, newest: Status) -> Refused:
    detail = f"the newest list of {_issuer(link)} is of {newest.this_update:%Y-%m-%dT%H:%M:%SZ}"
    return refused("TRY_LATER", "revocation.fresh", REVOCATION_UNKNOWN, detail)


def _issuer(link: Link) -> str:
    return link.issuer.listed.name
