"""Verifies the signatures of one PDF against a trust, now. Runs in a worker process only."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, BinaryIO

from asn1crypto.parser import peek
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DiffResult,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    XrefStreamRule,
)
from pyhanko.sign.general import CMSExtractionError, CMSStructuralError
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    async_validate_pdf_signature,
)
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints

from services.signing.distrust import Distrust, cause, weakness
from services.signing.finding import (
    ALTERED,
    REVOCATION_UNKNOWN,
    TOO_HEAVY,
    UNREADABLE,
    UNSIGNED,
    Finding,
    ListUsed,
    Outcome,
    Signature,
)
from services.signing.trust import Trust

MOST_SIGNATURES = 32
_FORM_LEVEL = ModificationLevel.LTA_UPDATES
# After a signature only another one may follow. pyHanko's default policy also lets forms be
# filled in, which would change what is read: its rule for other fields is left out.
_ONLY_SIGNATURES = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        DocInfoRule().as_qualified(_FORM_LEVEL),
        XrefStreamRule().as_qualified(_FORM_LEVEL),
        ObjectStreamRule().as_qualified(_FORM_LEVEL),
        DSSCompareRule().as_qualified(_FORM_LEVEL),
        MetadataUpdateRule().as_qualified(_FORM_LEVEL),
    ],
    form_rule=FormUpdatingRule(field_rules=[SigFieldCreationRule(), SigFieldModificationRule()]),
)
_USE = KeyUsageConstraints(key_usage={"non_repudiation"})
"""A signature that binds its signer: keys for log-in or transport carry another usage."""
LIBRARIES = {name: version(name) for name in ("pyHanko", "pyhanko-certvalidator", "cryptography")}


async def verify(file: BinaryIO, trust: Trust) -> Finding:
    """Return what the signatures of a PDF are worth now.

    Raises what the parser raises beyond its own errors: the worker makes a finding of that too.
    """
    size = file.seek(0, 2)
    try:
        embedded = _signatures(file)
    except PdfDecodeLimitError:
        return finding(trust, "bad", TOO_HEAVY, "a stream unpacks to more than is allowed", size)
    except (PdfError, CMSExtractionError, CMSStructuralError, SignatureValidationError) as error:
        return finding(trust, "bad", UNREADABLE, type(error).__name__, size)
    if not embedded:
        return finding(trust, "bad", UNSIGNED, "no signature", size)
    if len(embedded) > MOST_SIGNATURES:
        return finding(trust, "bad", TOO_HEAVY, f"{len(embedded)} signatures", size)
    signatures = [await _judge(one, trust, last=one is embedded[-1], size=size) for one in embedded]
    for signature in signatures:
        if signature.problem:
            outcome = "unknown" if signature.problem == REVOCATION_UNKNOWN else "bad"
            return finding(
                trust, outcome, signature.problem, signature.detail, size, signatures=signatures
            )
    return finding(trust, "sound", None, "", size, signatures=signatures)


def finding(
    trust: Trust,
    outcome: Outcome,
    reason: str | None,
    detail: str,
    size: int,
    *,
    signatures: Sequence[Signature] = (),
) -> Finding:
    """Return a finding of this moment."""
    lists = tuple(
        ListUsed(
            authority=known.authority,
            number=known.number,
            this_update=known.this_update.isoformat(),
            next_update=known.next_update.isoformat() if known.next_update else None,
        )
        for known in trust.lists
    )
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail,
        signatures=tuple(signatures),
        lists=lists,
        checked_at=datetime.now(UTC).isoformat(),
        size=size,
        libraries=LIBRARIES,
    )


def _signatures(file: BinaryIO) -> list[EmbeddedPdfSignature]:
    reader = PdfFileReader(file, strict=True)
    if reader.encrypted:
        raise PdfError("encrypted")
    # Time stamps over the document are not signatures of the agency; none is issued yet.
    return sorted(reader.embedded_regular_signatures, key=lambda one: one.signed_revision)


async def _judge(
    embedded: EmbeddedPdfSignature, trust: Trust, *, last: bool, size: int
) -> Signature:
    context = trust.context()
    try:
        status = await async_validate_pdf_signature(
            embedded,
            signer_validation_context=context,
            diff_policy=_ONLY_SIGNATURES,
            key_usage_settings=_USE,
        )
    except (SignatureValidationError, CMSStructuralError, PdfError) as error:
        return _describe(embedded, None, Distrust(UNREADABLE, type(error).__name__))
    problem = (
        _integrity(embedded, status, last=last, size=size)
        or weakness(embedded.signer_info, status.signing_cert)
        or await cause(status, context)
    )
    return _describe(embedded, status, problem)


def _integrity(
    embedded: EmbeddedPdfSignature, status: PdfSignatureStatus, *, last: bool, size: int
) -> Distrust | None:
    if not status.intact:
        return Distrust(ALTERED, "the bytes are not the ones that were signed")
    if not status.valid:
        return Distrust(ALTERED, "the signature was not made by this certificate's key")
    if not _is_one_gap(embedded, last=last, size=size):
        return Distrust(ALTERED, "the signed range leaves out more than the signature itself")
    if last and status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        return Distrust(ALTERED, "the last signature does not cover the whole file")
    if not isinstance(status.diff_result, DiffResult) or not status.docmdp_ok:
        return Distrust(ALTERED, "something other than a signature was added after this one")
    return None


def _is_one_gap(embedded: EmbeddedPdfSignature, *, last: bool, size: int) -> bool:
    """Say whether the range leaves out exactly this signature's `/Contents`, and nothing else.

    pyHanko compares sums; a range that leaves out another place of the same length would pass.
    """
    ranges: Any = embedded.byte_range
    numbers = [int(number) for number in ranges]
    if len(numbers) != 4:  # noqa: PLR2004 (two pairs: offset, length)
        return False
    start, first, resume, rest = numbers
    if start != 0 or resume - first != len(embedded.pkcs7_content) * 2 + 2:
        return False
    stream = embedded.reader.stream
    stream.seek(first)
    gap: bytes = stream.read(resume - first)
    framed = gap[:1] == b"<" and gap[-1:] == b">"
    written = _is_only_a_signature(gap[1:-1], embedded.pkcs7_content)
    return framed and written and (not last or resume + rest == size)


def _is_only_a_signature(digits: bytes, content: bytes) -> bool:
    """Say whether digits in one case hold a CMS and, behind it, zeros to its end.

    No signature covers them: whatever else stood there could be changed, and nobody would know.
    """
    plain = content.hex().encode()
    return digits in (plain, plain.upper()) and not any(content[peek(content) :])


def _describe(
    embedded: EmbeddedPdfSignature, status: PdfSignatureStatus | None, problem: Distrust | None
) -> Signature:
    certificate = embedded.signer_cert
    info: Any = embedded.signer_info
    path = status.validation_path if status else None
    key = certificate.public_key
    size: Any = key.curve[1] if key.algorithm == "ec" else key.bit_size
    claimed = embedded.self_reported_timestamp
    return Signature(
        field=str(embedded.field_name),
        certificate=certificate.sha256.hex(),
        chain=tuple(one.sha256.hex() for one in path.iter_certs(include_root=True)) if path else (),
        algorithm=info["signature_algorithm"].signature_algo,
        digest=str(embedded.md_algorithm),
        key=f"{key.algorithm} {size}",
        claimed_at=claimed.isoformat() if claimed else None,
        coverage=embedded.coverage.name if embedded.coverage else "UNKNOWN",
        changed_after=status.modification_level.name
        if status and status.modification_level
        else "UNKNOWN",
        problem=problem.code if problem else None,
        detail=problem.detail if problem else "",
    )
