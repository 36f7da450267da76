"""Validates a detached signature over a file of any kind (CAdES B-B to B-LT; EN 319 122-1)."""

from datetime import datetime
from functools import partial

from services.signing.validation.algorithms import hashed
from services.signing.validation.cms import DATA, read
from services.signing.validation.describe import Described, Place, Seen, found, refusal
from services.signing.validation.given import Given
from services.signing.validation.indication import Refused
from services.signing.validation.signature import Around, judge
from services.signing.validation.timestamp import stamp
from services.signing.validation.trust import Trust

_PLACE = Place(field="", coverage="ENTIRE_FILE", changes="NONE", claimed_at=None)


def describe_detached(file: Given, signature: bytes, trust: Trust, at: datetime) -> Described:
    """Return what a detached CMS (DER) is worth as a signature of `file` at a moment.

    Raises what reading the file raises.
    """
    try:
        signed = read(signature, trust.policy, kind=DATA)
    except Refused as why:
        return refusal(why.objection, trust, at, file.size)
    # What it brings of revocation data is for its time stamps' certificates too (6.3 o).
    brings = Around(signed.lists, signed.answers)
    stamps = tuple(
        stamp(token, partial(hashed, signed.value), trust, at, around=brings)
        for token in signed.stamps
    )
    digest = file.digest(signed.how.digest)
    judged = judge(signed, digest, trust, at, around=Around(stamps=stamps))
    return found([Seen(_PLACE, signed, judged, stamps)], trust, at, file.size)
