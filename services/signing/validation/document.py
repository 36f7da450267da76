"""The signatures of a PDF: what each covers, what was changed after it, what else the file brings.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from asn1crypto.parser import peek
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefSectionType
from pyhanko.sign.diff_analysis import DiffResult
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import EmbeddedPdfSignature, SignatureCoverageLevel

from services.signing.finding import ALTERED, TOO_HEAVY, UNREADABLE, UNSIGNED
from services.signing.validation import appended, spelled, unpacking
from services.signing.validation.failures import BROKEN
from services.signing.validation.indication import Objection, Refused, refused
from services.signing.validation.kept import check_kept
from services.signing.validation.linearized import check_linearized
from services.signing.validation.objects import value
from services.signing.validation.pages import check_pages
from services.signing.validation.policy import Policy
from services.signing.validation.reaching import check_reached
from services.signing.validation.rebuilt import check_found
from services.signing.validation.referred import check_referred, listed
from services.signing.validation.revisions import POLICY
from services.signing.validation.security_store import Updated, check_archives
from services.signing.validation.syntax import Odd, Reference
from services.signing.validation.updates import (
    Reader,
    check_fields,
    check_forms,
    reaches_behind,
)

_STAMP = "ETSI.RFC3161"
_ENDED = re.compile(rb"%%EOF[\r\n]{0,2}\Z")
_PAIRS = 4
"""Numbers of a byte range: two pairs of offset and length."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """One signature of a PDF, as far as the file itself decides."""

    field: str
    cms: bytes
    ranges: tuple[tuple[int, int], ...]
    """The parts of the file that it is over: from, to."""
    stamp: bool
    """A time stamp over the document, not a signature."""
    coverage: str
    changes: str
    objection: Objection | None
    """What is wrong with what it covers."""
    changed: Objection | None
    """What was done to the document after it, where that is not allowed."""
    claimed_at: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF's signatures in the order in which they were made, and its security store."""

    signatures: tuple[Embedded, ...]
    lists: tuple[bytes, ...]
    answers: tuple[bytes, ...]


def read(content: bytes, policy: Policy) -> Document:
    """Read a PDF. Raises Refused."""
    spelled.install()
    unpacking.install()
    try:
        reader = Reader(BytesIO(content))
        if reader.encrypted:
            raise _unreadable("encrypted")
        _check_fields(reader, policy)
        embedded = sorted(_embedded(reader), key=lambda one: one.signed_revision)
        if all(_is_stamp(one) for one in embedded):
            raise refused("FORMAT_FAILURE", "format.pdf", UNSIGNED, "no signature")
        lists, answers = _store(reader)
        found = [_look(one, reader, content) for one in embedded]
        found[-1] = _to_the_end(found[-1], embedded[-1], content)
        if _is_read_alike(reader, found, embedded, content):
            _check_updates(reader, found, embedded, policy)
    except PdfDecodeLimitError:
        raise refused(
            "FORMAT_FAILURE", "limits.heavy", TOO_HEAVY, "a stream unpacks to more than is allowed"
        ) from None
    except BROKEN as error:
        raise _unreadable(type(error).__name__) from None
    return Document(tuple(found), lists, answers)


def _embedded(reader: PdfFileReader) -> Iterator[EmbeddedPdfSignature]:
    fields: list[tuple[str, Any, Any]] = list(enumerate_sig_fields(reader, filled_status=True))
    for name, _, field in fields:
        try:
            yield _Embedded(reader, field, name)
        except PdfError:
            raise
        except BROKEN as error:
            detail = f"not a signature: {type(error).__name__}"
            raise refused("FORMAT_FAILURE", "format.cms", UNREADABLE, detail) from None


def _unreadable(detail: str) -> Refused:
    return refused("FORMAT_FAILURE", "format.pdf", UNREADABLE, detail)


def _check_fields(reader: PdfFileReader, policy: Policy) -> None:
    """Check kind and number of the signatures: pyHanko passes over those it does not know."""
    known = {*policy.page.format.pdf.subfilters, _STAMP}
    values: list[Any] = [
        filled for _, filled, _ in enumerate_sig_fields(reader, filled_status=True)
    ]
    if len(values) > policy.page.format.pdf.most_signatures:
        raise refused("FORMAT_FAILURE", "limits.heavy", TOO_HEAVY, f"{len(values)} signatures")
    for filled in values:
        if str(value(filled.get_object(), "/SubFilter")).removeprefix("/") not in known:
            raise _unreadable("a kind of signature that is not accepted")


def _store(reader: PdfFileReader) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return revocation lists and OCSP responses of the security store."""
    if "/DSS" not in reader.root:
        return (), ()
    store: Any = reader.root["/DSS"]
    lists = _streams(store, "/CRLs", DecodePurpose.CRL)
    return lists, _streams(store, "/OCSPs", DecodePurpose.OCSP_RESPONSE)


def _streams(store: Any, name: str, purpose: DecodePurpose) -> tuple[bytes, ...]:  # noqa: ANN401
    array: Any = value(store, name, ())
    streams: list[Any] = [array[place] for place in range(len(array))]
    return tuple(bytes(one.read_data(purpose)) for one in streams)


def _is_stamp(one: EmbeddedPdfSignature) -> bool:
    return str(value(one.sig_object, "/SubFilter", "")).removeprefix("/") == _STAMP


def _look(one: EmbeddedPdfSignature, reader: Reader, content: bytes) -> Embedded:
    ranges = _ranges(one, content)
    objection, changed, changes = None, None, "UNKNOWN"
    if ranges is None:
        objection = _uncovered("the signed range leaves out more than the signature itself")
    else:
        one.compute_integrity_info(POLICY)
        result: Any = one.diff_result
        whole = (SignatureCoverageLevel.ENTIRE_FILE, SignatureCoverageLevel.ENTIRE_REVISION)
        if isinstance(result, DiffResult):
            changes = result.modification_level.name
        if one.coverage not in whole:
            objection = _uncovered("the signature does not cover its whole revision")
        elif reaches_behind(reader, one.signed_revision, ranges[-1][1]):
            objection = _uncovered("an object of what was signed lies behind the signed range")
        elif changes == "UNKNOWN" or not one.summarise_integrity_info()["docmdp_ok"]:
            changed = _changed("something other than a signature was added after this one")
    return Embedded(
        field=str(one.field_name),
        cms=one.pkcs7_content[: peek(one.pkcs7_content)],
        ranges=ranges or (),
        stamp=_is_stamp(one),
        coverage=one.coverage.name if one.coverage else "UNCLEAR",
        changes=changes,
        objection=objection,
        changed=changed,
        claimed_at=None if _is_stamp(one) else _claimed(one),
    )


def _claimed(one: EmbeddedPdfSignature) -> str | None:
    """Return when the signer says it signed; None, too, for what is no time: it decides nothing."""
    try:
        said = one.self_reported_timestamp
    except PdfDecodeLimitError:
        raise
    except BROKEN:
        return None
    return said.isoformat() if said else None


def _ranges(one: EmbeddedPdfSignature, content: bytes) -> tuple[tuple[int, int], ...] | None:
    """Return what is signed, when it leaves out this signature's `/Contents` and nothing else.

    pyHanko compares sums; a range that leaves out another place of the same length would pass.
    """
    byte_range: Any = one.byte_range
    numbers = [int(number) for number in byte_range]
    if len(numbers) != _PAIRS:
        return None
    start, first, resume, rest = numbers
    gap = content[first:resume]
    framed = gap[:1] == b"<" and gap[-1:] == b">"
    inside = start == 0 and 0 < first < resume and rest > 0 and resume + rest <= len(content)
    if not inside or not framed or not _is_only_a_signature(gap[1:-1], one.pkcs7_content):
        return None
    return (0, first), (resume, resume + rest)


def _is_only_a_signature(digits: bytes, content: bytes) -> bool:
    """Say whether digits in one case hold a CMS and, behind it, zeros to its end.

    No signature covers them: whatever else stood there could be changed, and nobody would know.
    """
    plain = content.hex().encode()
    return digits in (plain, plain.upper()) and not any(content[peek(content) :])


def _to_the_end(last: Embedded, one: EmbeddedPdfSignature, content: bytes) -> Embedded:
    """Say of the last signature that it covers the file to its end, but for whole updates."""
    if last.objection or last.ranges[-1][1] == len(content):
        return last
    updates = one.reader.xrefs.total_revisions > one.signed_revision + 1
    if updates and _ENDED.search(content[-16:]):
        return last
    return replace(last, objection=_uncovered("the last signature does not cover the whole file"))


def _check_updates(
    reader: Reader, found: list[Embedded], embedded: Sequence[EmbeddedPdfSignature], policy: Policy
) -> None:
    """Say of signatures whether what follows them is what may follow."""
    signatures = [place for place, one in enumerate(found) if not one.stamp]
    first, last = signatures[0], signatures[-1]
    base, end = embedded[0].signed_revision, embedded[last].signed_revision
    try:
        check_archives(reader, base)
        if reader.xrefs.total_revisions > base + 1:
            check_fields(reader, base, end, policy.page.format.changes)
            check_forms(reader, base, end)
            check_pages(reader, base)
            check_reached(reader, embedded[first].signed_revision)
            for one in {one.signed_revision for one in embedded}:
                check_referred(reader, one)
    except Updated as why:
        found[first] = replace(found[first], changed=found[first].changed or _changed(str(why)))


def _is_read_alike(
    reader: Reader, found: list[Embedded], embedded: Sequence[EmbeddedPdfSignature], content: bytes
) -> bool:
    """Say whether what follows the first signature is read alike by all; notes it there if not."""
    first = next(place for place, one in enumerate(found) if not one.stamp)
    updates = reader.xrefs.total_revisions - embedded[first].signed_revision - 1
    if any(one.objection for one in found if not one.stamp):
        return True
    catalogue: Any = reader.trailer.raw_get("/Root")
    signed = embedded[first].signed_revision
    before = appended.Before(
        found[first].ranges[-1][1],
        Reference(catalogue.idnum, catalogue.generation),
        {one.idnum: one.generation for one in listed(reader, signed)},
    )
    try:
        check_linearized(content, before.end)
        if updates:
            file = check_found(reader, content, signed, before.end, before.root)
            for one in appended.check(content, before, updates=updates):
                later = file.with_update(one.objects, one.info)
                check_kept(file, one.objects.keys(), later)
                file = later
    except Odd as why:
        found[first] = replace(found[first], changed=found[first].changed or _changed(str(why)))
        return False
    return True


class _Embedded(EmbeddedPdfSignature):
    """A signature of a file that may have been written for readers of PDF 1.4, too, before it."""

    def _enforce_hybrid_xref_policy(self) -> None:
        """Allow hybrid references (ISO 32000-2 7.5.8.4) in what was signed: Word writes them."""
        xrefs = self.reader.xrefs
        for revision in range(self.signed_revision + 1, xrefs.total_revisions):
            kind = xrefs.get_xref_container_info(revision).xref_section_type
            if kind == XRefSectionType.HYBRID_MAIN:
                raise PdfError("hybrid references in an update")


def _uncovered(detail: str) -> Objection:
    return Objection("FORMAT_FAILURE", "format.coverage", ALTERED, detail)


def _changed(detail: str) -> Objection:
    return Objection("FORMAT_FAILURE", "format.changes", ALTERED, detail)
