"""Time stamps on signatures and documents (RFC 3161; EN 319 102-1 5.4)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat import asn1

from services.signing.validation.algorithms import digest_of, hashed
from services.signing.validation.cms import TIME_STAMP_INFO, read
from services.signing.validation.indication import Objection, Refused
from services.signing.validation.signature import Around, Judged, Stamp, judge
from services.signing.validation.structures import TimeStampInfo
from services.signing.validation.trust import Trust

_BROKEN = frozenset({"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE"})


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
        signed = read(token, kind=TIME_STAMP_INFO)
        content = signed.content or b""
        info = asn1.decode_der(TimeStampInfo, content)
        imprint = digest(digest_of(info.imprint.digest.algorithm.dotted_string))
    except Refused as why:
        return _ignored(f"it cannot be read: {why.objection.detail}")
    except ValueError:
        return _ignored("what it says cannot be read")
    if info.imprint.value != imprint:
        return _broken("it is on something else")
    judged = judge(
        signed, hashed(content, signed.how.digest), trust, at, uses=("timestamp",), around=around
    )
    return replace(_conclude(judged, info, trust, at), ways=judged.ways)


def _conclude(judged: Judged, info: TimeStampInfo, trust: Trust, at: datetime) -> Stamp:
    if judged.objection is None and judged.chain is not None:
        made_at = info.made_at.as_datetime()
        tsa = judged.chain.links[0].certificate
        if made_at > at + trust.policy.clocks_apart:
            return _ignored("it is of a time to come")
        if not tsa.not_valid_before_utc <= made_at <= tsa.not_valid_after_utc:
            return _ignored("its authority's certificate was not valid then")
        ends = trust.policy.digest_ends(digest_of(info.imprint.digest.algorithm.dotted_string))
        if ends is None or at >= ends:
            return _ignored("its digest is too weak")
        return Stamp(made_at, None, None, judged.chain)
    if judged.objection and judged.objection.sub_indication in _BROKEN and not _is_strange(judged):
        return _broken(judged.objection.detail)
    return Stamp(None, None, judged.objection)


def _is_strange(judged: Judged) -> bool:
    """Say whether it is of an authority that is not listed: then nothing of it counts."""
    return judged.chain is not None and judged.chain.objection is not None


def _broken(detail: str) -> Stamp:
    return Stamp(None, f"time stamp: {detail}", None)


def _ignored(detail: str) -> Stamp:
    return Stamp(
        None, None, Objection("SIG_CONSTRAINTS_FAILURE", "time.stamp_untrusted", "", detail)
    )
