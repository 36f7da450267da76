"""What may be a file of a document: its name, its size, its kind by content. No I/O."""

import base64
import re
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import puremagic

from services.docs.document import Announcement
from services.docs.kinds import HEAD, OTHERS, PDF, Kind, may_be, of_name, of_type
from shared.blobs import Blob
from shared.errors import Fault, Problem
from shared.sizes import (
    DOCUMENT_BYTES,
    FILE_BYTES,
    FILES_PER_DOCUMENT,
    PDF_BYTES,
    SIGNATURE_BYTES,
)

_LONGEST_NAME = 255
"""Bytes of UTF-8: what the file systems of recipients can hold."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""Not in a name on Windows, where most recipients keep their files; `/` and `\\` make paths."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The object identifier id-signedData (RFC 5652 5.1), with which a signature begins."""
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")
"""One member of a dictionary of byte sequences (RFC 9651 3.2, 3.3.5)."""
_SHA256_BYTES = 32
_LARGE_PDF = (
    f"Tệp PDF tối đa {PDF_BYTES} byte: tách thành nhiều phụ lục, hoặc giảm cỡ ảnh quét, rồi ký lại."
)
_LARGE_PDF_EN = (
    f"A PDF has at most {PDF_BYTES} bytes: split it into several annexes, or lower the resolution"
    " of scanned pages, and sign again. Files of other kinds, with a detached seal, may be larger."
)


def check_announcement(announced: Announcement, *, pointer: str = "") -> None:
    """Raise Problem for a file that could never be accepted, before its bytes are sent."""
    kind = kind_of(announced, pointer=pointer)  # first: the name of another kind ends otherwise
    check_name(announced.name, kind, pointer=f"{pointer}/name")
    if announced.size == 0:
        vi, en = "Tệp không có byte nào.", "The file has no bytes."
        raise Problem("DOC-4224", faults=[Fault(f"{pointer}/size", vi, en)])
    if announced.size > FILE_BYTES:
        vi, en = f"Tối đa {FILE_BYTES} byte.", f"At most {FILE_BYTES} bytes."
        raise Problem("REQ-4131", vi=vi, en=en, limit=FILE_BYTES)
    if kind is PDF and announced.size > PDF_BYTES:
        raise Problem("REQ-4131", vi=_LARGE_PDF, en=_LARGE_PDF_EN, limit=PDF_BYTES)
    check_sealed(announced, pointer=f"{pointer}/signature")


def kind_of(announced: Announcement, *, pointer: str = "") -> Kind:
    """Return the kind of an announced file. Raises Problem DOC-4151."""
    kind = of_type(announced.media_type)
    if announced.role == "MAIN" and kind is not PDF:
        vi, en = f"MAIN phải là {PDF.media_type}.", f"MAIN has to be {PDF.media_type}."
    elif kind is None:
        known = ", ".join(one.media_type for one in OTHERS)
        vi = f"Nhận {PDF.media_type}; phụ lục có chữ ký số rời còn có thể là {known}."
        en = f"{PDF.media_type} is accepted; an annex with a detached seal may also be {known}."
    else:
        return kind
    raise Problem("DOC-4151", faults=[Fault(f"{pointer}/media_type", vi, en)])


def check_sealed(announced: Announcement, *, pointer: str) -> None:
    """Raise Problem unless a PDF has its seal inside, and a file of another kind beside it.

    DOC-4151 for a seal that is missing, REQ-4221 for one too many.
    """
    if announced.media_type == PDF.media_type:
        if announced.signature_sha256 is not None:
            vi = "Chữ ký số của tệp PDF nằm trong tệp; bỏ signature."
            en = "A PDF has its seal inside; leave signature out."
            raise Problem("REQ-4221", faults=[Fault(pointer, vi, en)])
    elif announced.signature_sha256 is None:
        vi = (
            "Phụ lục không phải PDF cần chữ ký số rời của cơ quan gửi trên đúng tệp này: CAdES"
            " (CMS dạng DER), gửi base64 trong signature, hoặc bằng phần signature sau phần annex."
        )
        en = (
            "An annex that is no PDF needs a detached seal of the sending agency over this very"
            " file: CAdES (CMS, DER), as base64 in signature, or as a part signature behind its"
            " part annex."
        )
        raise Problem("DOC-4151", faults=[Fault(pointer, vi, en)])


def read_signature(text: str, *, pointer: str) -> bytes:
    """Return a detached signature from its base64. Raises Problem REQ-4221."""
    try:
        signature = base64.b64decode(text, validate=True)
    except ValueError:
        vi, en = "Không phải base64.", "It is not base64."
        raise Problem("REQ-4221", faults=[Fault(pointer, vi, en)]) from None
    check_signature(signature, pointer=pointer)
    return signature


def check_signature(signature: bytes, *, pointer: str) -> None:
    """Raise Problem REQ-4221 for bytes that are no CMS from end to end; signing judges it."""
    if len(signature) > SIGNATURE_BYTES:
        vi, en = f"Tối đa {SIGNATURE_BYTES} byte.", f"At most {SIGNATURE_BYTES} bytes."
        raise Problem("REQ-4221", faults=[Fault(pointer, vi, en)])
    if not _is_cms(signature):
        vi = "Không phải chữ ký CMS dạng DER (không nhận PEM)."
        en = "It is not a signature in CMS, DER (PEM is not accepted)."
        raise Problem("REQ-4221", faults=[Fault(pointer, vi, en)])


def _is_cms(signature: bytes) -> bool:
    """Say whether these are one SEQUENCE of DER (X.690 8.1.3, 10.1) that calls itself signed."""
    if len(signature) < len(b"\x30\x82\x00\x00") or signature[0] != ord("0"):
        return False
    octets = signature[1] & 0x7F if signature[1] & 0x80 else 0
    start = 2 + octets
    length = int.from_bytes(signature[2:start], "big") if octets else signature[1]
    return start + length == len(signature) and signature[start:].startswith(_SIGNED_DATA)


def check_twins(held: Sequence[Announcement], new: Announcement, *, pointer: str = "") -> None:
    """Raise Problem REQ-4221 for the same bytes under another seal: one verdict is for both."""
    for one in held:
        if one.sha256 == new.sha256 and one.signature_sha256 != new.signature_sha256:
            vi = "Văn bản đã có tệp này với chữ ký số khác."
            en = "The document has this file already, with another seal."
            raise Problem("REQ-4221", faults=[Fault(f"{pointer}/signature", vi, en)])


def check_room(held: Sequence[Announcement], new: Announcement) -> None:
    """Raise Problem DOC-4094, DOC-4131 when a document cannot hold one more file."""
    if len(held) >= FILES_PER_DOCUMENT:
        raise Problem(
            "DOC-4094",
            vi=f"Tối đa {FILES_PER_DOCUMENT} tệp.",
            en=f"At most {FILES_PER_DOCUMENT} files.",
            most=FILES_PER_DOCUMENT,
        )
    size = sum(one.size for one in held)
    if size + new.size > DOCUMENT_BYTES:
        raise Problem(
            "DOC-4131",
            vi=f"Đã khai báo {size} byte, thêm {new.size}; tối đa {DOCUMENT_BYTES}.",
            en=f"{size} bytes are announced, {new.size} more; at most {DOCUMENT_BYTES}.",
            most=DOCUMENT_BYTES,
            announced=size,
        )


def kind_of_name(name: str, *, pointer: str) -> Kind:
    """Return the kind of an annex by its name alone. Raises Problem DOC-4223."""
    kind = of_name(name)
    if kind is None:
        known = " ".join(ending for one in (PDF, *OTHERS) for ending in one.endings)
        vi, en = f"Phải có một trong các đuôi {known}.", f"It must end in one of {known}."
        raise Problem("DOC-4223", faults=[Fault(pointer, vi, en)])
    return kind


def check_name(name: str, kind: Kind, *, pointer: str) -> None:
    """Raise Problem DOC-4223 for a name that is a path, hides something, or is too long.

    It ends as the names of its kind do, so that a recipient's computer opens it as that.
    """
    endings = " / ".join(kind.endings)
    if len(name.encode()) > _LONGEST_NAME:
        vi, en = f"Dài quá {_LONGEST_NAME} byte UTF-8.", f"Over {_LONGEST_NAME} bytes of UTF-8."
    elif any(char in _FORBIDDEN or unicodedata.category(char)[0] == "C" for char in name):
        vi, en = "Có ký tự không được phép.", "It has a character that is not allowed."
    elif name != name.strip() or name.endswith(".") or _DEVICES.fullmatch(name):
        vi, en = "Không thể là tên tệp.", "It cannot be the name of a file."
    elif not name.lower().endswith(kind.endings) or name.lower() in kind.endings:
        vi, en = f"Phải có đuôi {endings}.", f"It must end in {endings}."
    else:
        return
    raise Problem("DOC-4223", faults=[Fault(pointer, vi, en)])


async def only(
    kind: Kind, chunks: AsyncIterable[bytes], *, pointer: str = ""
) -> AsyncIterator[bytes]:
    """Pass the bytes of a file on, once its first ones say that it may be of a kind.

    Raises Problem DOC-4151 before anything of another kind is passed on, DOC-4224 for no bytes.
    """
    head = b""
    known = False
    async for chunk in chunks:
        if known:
            yield chunk
            continue
        head += chunk
        if len(head) >= HEAD:
            known = _check_kind(kind, head, pointer)
            yield head
    if not head:
        raise Problem("DOC-4224", faults=[Fault(pointer, "Tệp rỗng.", "The file is empty.")])
    if not known:
        _check_kind(kind, head, pointer)
        yield head


def _check_kind(kind: Kind, head: bytes, pointer: str) -> bool:
    if not may_be(kind, head[:HEAD]):
        found = _kind(head)
        vi = f"Nội dung không phải {kind.media_type}, mà là {found}."
        en = f"The content is not {kind.media_type}, but {found}."
        raise Problem("DOC-4151", faults=[Fault(pointer, vi, en)], found=found)
    return True


def _kind(head: bytes) -> str:
    try:
        # Its type names a path class without a parameter.
        found = puremagic.from_string(head, mime=True)  # pyright: ignore[reportUnknownMemberType]
    except (puremagic.PureError, ValueError):
        found = ""
    return found or "application/octet-stream"


def check_arrived(blob: Blob, announced: Announcement, *, repr_digest: str | None) -> None:
    """Raise Problem DOC-4222 unless the bytes that came are those that were announced."""
    if blob.sha256 != announced.sha256 or blob.size != announced.size:
        raise Problem(
            "DOC-4222",
            vi=f"Nhận được {blob.size} byte, SHA-256 {blob.sha256}.",
            en=f"{blob.size} bytes came, with SHA-256 {blob.sha256}.",
            announced={"size": announced.size, "sha256": announced.sha256},
            received={"size": blob.size, "sha256": blob.sha256},
        )
    if repr_digest not in (None, blob.sha256):
        vi, en = "Repr-Digest không khớp.", "Repr-Digest does not match."
        raise Problem("DOC-4222", faults=[Fault("/Repr-Digest", vi, en, "header")])


def digest_in(repr_digest: str | None) -> str | None:
    """Return the SHA-256 that a `Repr-Digest` names (RFC 9530) in hex; None: only other digests.

    Raises Problem REQ-4003 for a value that cannot be read: it was meant to protect the file.
    """
    if repr_digest is None:
        return None
    members = [_MEMBER.fullmatch(one.strip()) for one in repr_digest.split(",")]
    found = {one[1]: one[2] for one in members if one is not None}
    try:
        if None in members:
            raise ValueError("not a dictionary of byte sequences")  # noqa: TRY301
        digests = {name: base64.b64decode(value, validate=True) for name, value in found.items()}
        sha256 = digests.get("sha-256")
        if sha256 is not None and len(sha256) != _SHA256_BYTES:
            raise ValueError("not as long as a SHA-256")  # noqa: TRY301
    except ValueError:
        vi = "Không đọc được Repr-Digest; dạng đúng: sha-256=:<base64>:."
        en = "Repr-Digest cannot be read; it looks like sha-256=:<base64>:."
        raise Problem("REQ-4003", faults=[Fault("/Repr-Digest", vi, en, "header")]) from None
    return None if sha256 is None else sha256.hex()


def repr_digest_of(sha256: str) -> str:
    """Return the value of `Repr-Digest` for a digest in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
