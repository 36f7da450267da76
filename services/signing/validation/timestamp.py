"""Time stamps on signatures and documents (RFC 3161; EN 319 102-1 5.4)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat import asn1

from services.signing.finding import REVOCATION_UNKNOWN
from services.signing.validation.algorithms import Term, digest_of, hashed
from services.signing.validation.cms import TIME_STAMP_INFO, read
from services.signing.validation.indication import Objection, Refused
from services.signing.validation.signature import Around, Judged, Says, Stamp, judge
from services.signing.validation.structures import TimeStampInfo
from services.signing.validation.trust import Trust

_BROKEN = frozenset({"HASH_FAILURE", "SIG_CRYPTO_FAILURE"})


def stamp(
    token: bytes,
    digest: Callable[[str], bytes],
    trust: Trust,
    at: datetime,
    *,
    around: Around,
) -> Stamp:
    """Judge a time-stamp token at a moment; `digest` computes what it should be over."""
    try:
        signed = read(token, trust.policy, kind=TIME_STAMP_INFO)
        content = signed.content or b""
        info = asn1.decode_der(TimeStampInfo, content)
        algorithm = digest_of(info.imprint.digest.algorithm.dotted_string)
        imprint = digest(algorithm)
    except Refused as why:
        return _ignored(f"it cannot be read: {why.objection.detail}")
    except ValueError:
        return _ignored("what it says cannot be read")
    if info.version != 1 or any(one.critical for one in info.extensions or ()):
        return _ignored("it says what is not understood")  # RFC 3161 2.4.2, RFC 5280 4.2
    if info.imprint.value != imprint:
        return _broken("it is on something else")
    # What it is over has to last until a later stamp, as its own signature has to.
    over = Term("algorithms.digests", f"digest {algorithm}", trust.policy.digest_ends(algorithm))
    judged = judge(
        signed,
        hashed(content, signed.how.digest),
        trust,
        at,
        uses=("timestamp",),
        around=around,
        says=Says(info.made_at.as_datetime(), (over,)),
    )
    concluded = _conclude(judged, info.made_at.as_datetime(), trust, at)
    return replace(concluded, ways=judged.ways)


def _conclude(judged: Judged, made_at: datetime, trust: Trust, at: datetime) -> Stamp:
    objection = judged.objection
    if objection and objection.sub_indication in _BROKEN and not _is_strange(judged):
        return _broken(objection.detail)
    if judged.chain is None or (objection and objection.code != REVOCATION_UNKNOWN):
        return Stamp(None, None, objection)
    tsa = judged.chain.links[0].certificate
    if made_at > at + trust.policy.clocks_apart:
        return _ignored("it is of a time to come")
    if not tsa.not_valid_before_utc <= made_at <= tsa.not_valid_after_utc:
        return _ignored("its authority's certificate was not valid then")
    if objection:
        return Stamp(None, None, objection, may_prove=made_at)
    return Stamp(made_at, None, None, judged.chain)


def _is_strange(judged: Judged) -> bool:
    """Say whether it is of an authority that is not listed: then nothing of it counts."""
    return judged.chain is not None and judged.chain.objection is not None


def _broken(detail: str) -> Stamp:
    return Stamp(None, f"time stamp: {detail}", None)


def _ignored(detail: str) -> Stamp:
    return Stamp(
        None, None, Objection("SIG_CONSTRAINTS_FAILURE", "time.stamp_untrusted", "", detail)
    )
