"""What may be a file of a document: its name, its size, its kind by content. No I/O."""

import base64
import binascii
import re
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator

import puremagic

from services.docs.document import PDF, Announcement
from shared.blobs import Blob
from shared.errors import Fault, Problem

LARGEST_FILE = 1 << 30
"""Bytes of one file."""
MOST_FILES = 100
"""Files of one document."""

_LONGEST_NAME = 255
"""Bytes of UTF-8: what the file systems of recipients can hold."""
_FORBIDDEN = frozenset('<>:"/\\|?*')
"""Not in a name on Windows, where most recipients keep their files; `/` and `\\` make paths."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_PDF = re.compile(rb"%PDF-[12]\.\d")
_ENOUGH = 8
"""Bytes that tell a PDF from anything else."""
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):\s*(?:,|$)")


def check_announcement(announced: Announcement, *, pointer: str = "") -> None:
    """Raise Problem for a file that could never be accepted, before its bytes are sent."""
    if announced.media_type != PDF:  # first: the name of another kind ends otherwise
        vi, en = f"Nhận {PDF}.", f"{PDF} is accepted."
        raise Problem("DOC-4151", faults=[Fault(f"{pointer}/media_type", vi, en)])
    check_name(announced.name, pointer=f"{pointer}/name")
    if announced.size == 0:
        vi, en = "Tệp không có byte nào.", "The file has no bytes."
        raise Problem("DOC-4224", faults=[Fault(f"{pointer}/size", vi, en)])
    if announced.size > LARGEST_FILE:
        vi, en = f"Tối đa {LARGEST_FILE} byte.", f"At most {LARGEST_FILE} bytes."
        raise Problem("REQ-4131", vi=vi, en=en, limit=LARGEST_FILE)


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
    if repr_digest is not None and digest_in(repr_digest) not in (None, blob.sha256):
        vi, en = "Repr-Digest không khớp.", "Repr-Digest does not match."
        raise Problem("DOC-4222", faults=[Fault("/Repr-Digest", vi, en, "header")])


def digest_in(repr_digest: str) -> str | None:
    """Return the SHA-256 that a `Repr-Digest` names (RFC 9530), None if it names none."""
    found = _SHA256.search(repr_digest)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True).hex()
    except binascii.Error:
        return ""


def repr_digest_of(sha256: str) -> str:
    """Return the value of `Repr-Digest` for a digest in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
