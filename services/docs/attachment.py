"""What may be a file of a document: its name, its size, its kind by content. No I/O."""

import base64
import re
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import puremagic

from services.docs.document import PDF, Announcement
from shared.blobs import Blob
from shared.errors import Fault, Problem
from shared.sizes import DOCUMENT_BYTES, FILE_BYTES, FILES_PER_DOCUMENT

_LONGEST_NAME = 255
"""Bytes of UTF-8: what the file systems of recipients can hold."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""Not in a name on Windows, where most recipients keep their files; `/` and `\\` make paths."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_PDF = re.compile(rb"%PDF-[12]\.\d")
_ENOUGH = 8
"""Bytes that tell a PDF from anything else."""
_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):")
"""One member of a dictionary of byte sequences (RFC 9651 3.2, 3.3.5)."""
_SHA256_BYTES = 32


def check_announcement(announced: Announcement, *, pointer: str = "") -> None:
    """Raise Problem for a file that could never be accepted, before its bytes are sent."""
    if announced.media_type != PDF:  # first: the name of another kind ends otherwise
        vi, en = f"Nhận {PDF}.", f"{PDF} is accepted."
        raise Problem("DOC-4151", faults=[Fault(f"{pointer}/media_type", vi, en)])
    check_name(announced.name, pointer=f"{pointer}/name")
    if announced.size == 0:
        vi, en = "Tệp không có byte nào.", "The file has no bytes."
        raise Problem("DOC-4224", faults=[Fault(f"{pointer}/size", vi, en)])
    if announced.size > FILE_BYTES:
        vi, en = f"Tối đa {FILE_BYTES} byte.", f"At most {FILE_BYTES} bytes."
        raise Problem("REQ-4131", vi=vi, en=en, limit=FILE_BYTES)


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


def check_name(name: str, *, pointer: str) -> None:
    """Raise Problem DOC-4223 for a name that is a path, hides something, or is too long."""
    if len(name.encode()) > _LONGEST_NAME:
        vi, en = f"Dài quá {_LONGEST_NAME} byte UTF-8.", f"Over {_LONGEST_NAME} bytes of UTF-8."
    elif any(char in _FORBIDDEN or unicodedata.category(char)[0] == "C" for char in name):
        vi, en = "Có ký tự không được phép.", "It has a character that is not allowed."
    elif name != name.strip() or name.endswith(".") or _DEVICES.fullmatch(name):
        vi, en = "Không thể là tên tệp.", "It cannot be the name of a file."
    elif not name.lower().endswith(".pdf") or len(name) == len(".pdf"):
        vi, en = "Phải có đuôi .pdf.", "It must end in .pdf."
    else:
        return
    raise Problem("DOC-4223", faults=[Fault(pointer, vi, en)])


async def only_pdf(chunks: AsyncIterable[bytes], *, pointer: str = "") -> AsyncIterator[bytes]:
    """Pass the bytes of a file on, once its first ones say that it is a PDF.

    Raises Problem DOC-4151 before anything of another kind is passed on, DOC-4224 for no bytes.
    """
    head = b""
    known = False
    async for chunk in chunks:
        if known:
            yield chunk
            continue
        head += chunk
        if len(head) >= _ENOUGH:
            known = _check_kind(head, pointer)
            yield head
    if not head:
        raise Problem("DOC-4224", faults=[Fault(pointer, "Tệp rỗng.", "The file is empty.")])
    if not known:
        _check_kind(head, pointer)


def _check_kind(head: bytes, pointer: str) -> bool:
    if not _PDF.match(head):
        kind = _kind(head)
        vi, en = f"Nội dung là {kind}.", f"The content is {kind}."
        raise Problem("DOC-4151", faults=[Fault(pointer, vi, en)], found=kind)
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
