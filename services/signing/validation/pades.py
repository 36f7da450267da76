"""Validates the signatures of one PDF (PAdES B-B to B-LT; EN 319 142-1), at a stated moment."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.signing.finding import TOO_HEAVY, Finding
from services.signing.validation.algorithms import hashed
from services.signing.validation.cms import DATA
from services.signing.validation.cms import read as read_cms
from services.signing.validation.describe import Described, Place, Seen, found, refusal
from services.signing.validation.document import Document, Embedded
from services.signing.validation.document import read as read_document
from services.signing.validation.ending import check_end
from services.signing.validation.given import Given, Held
from services.signing.validation.indication import Objection, Refused, refused
from services.signing.validation.signature import Around, Judged, Stamp, judge
from services.signing.validation.timestamp import stamp
from services.signing.validation.trust import Trust
from shared.sizes import PDF_BYTES


def validate_pdf(content: bytes, trust: Trust, at: datetime) -> Finding:
    """Return what the signatures of a PDF are worth at a moment."""
    return describe_pdf(Held(content), trust, at).finding


def describe_pdf(given: Given, trust: Trust, at: datetime) -> Described:
    """Return that, and what is told beside it. Raises what reading the file raises.

    One that is too large is refused before it is read: a worker could not hold it.
    """
    if given.size > PDF_BYTES:
        return refusal(_too_large(given.size), trust, at, given.size)
    content = given.content()
    try:
        check_end(content)
        document = read_document(content, trust.policy)
    except Refused as why:
        return refusal(why.objection, trust, at, len(content))
    file = _File(content, document, trust, at)
    later: list[Stamp] = []
    seen: list[Seen] = []
    for one in reversed(document.signatures):  # a stamp is on all that stands before it
        if one.stamp:
            later.append(_document_stamp(file, one, later))
        else:
            seen.insert(0, _look(file, one, later))
    return found(seen, trust, at, len(content))


def _too_large(size: int) -> Objection:
    detail = f"a PDF of {size} bytes: at most {PDF_BYTES}"
    return refused("FORMAT_FAILURE", "limits.heavy", TOO_HEAVY, detail).objection


@dataclass(frozen=True, slots=True)
class _File:
    """What is the same for all signatures of a file."""

    content: bytes
    document: Document
    trust: Trust
    at: datetime

    def around(self, stamps: Sequence[Stamp], changed: Objection | None = None) -> Around:
        """Return what the file brings beside a signature."""
        return Around(self.document.lists, self.document.answers, tuple(stamps), changed)

    def digest(self, one: Embedded, algorithm: str) -> bytes:
        """Return the digest of what a signature is over, without a copy of it."""
        hashing = hashlib.new(algorithm, usedforsecurity=False)
        view = memoryview(self.content)
        for begins, ends in one.ranges:
            hashing.update(view[begins:ends])
        return hashing.digest()


def _document_stamp(file: _File, one: Embedded, later: Sequence[Stamp]) -> Stamp:
    wrong = one.objection or one.changed
    if wrong:
        return Stamp(None, f"time stamp of the document: {wrong.detail}", None)
    around = file.around(later)
    return stamp(one.cms, partial(file.digest, one), file.trust, file.at, around=around)


def _look(file: _File, one: Embedded, later: Sequence[Stamp]) -> Seen:
    place = Place(one.field, one.coverage, one.changes, one.claimed_at)
    if one.objection:
        return _unread(place, one.objection)
    try:
        signed = read_cms(one.cms, file.trust.policy, kind=DATA)
    except Refused as why:
        return _unread(place, why.objection)
    beside = file.around(later)
    # What the CMS brings is for its own time stamps' certificates too (EN 319 122-1 6.3 o).
    lists, answers = (*beside.lists, *signed.lists), (*beside.answers, *signed.answers)
    brings = replace(beside, lists=lists, answers=answers)
    own = [
        stamp(token, partial(hashed, signed.value), file.trust, file.at, around=brings)
        for token in signed.stamps
    ]
    around = file.around([*own, *later], one.changed)
    digest = file.digest(one, signed.how.digest)
    judged = judge(signed, digest, file.trust, file.at, around=around)
    return Seen(place, signed, judged, around.stamps)


def _unread(place: Place, objection: Objection) -> Seen:
    return Seen(place, None, Judged(objection, None, None), ())
