"""A delivery as one ZIP: manifest and files, stored as they are, checked while they are sent."""

import io
import re
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from typing_extensions import Buffer

from services.docs.store.progress import Enclosure, Entry
from shared.blobs import BlobStore
from shared.ids import DeliveryId
from shared.sizes import SIGNATURE_BYTES

_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_LONGEST_NAME = 100
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Sink(io.BytesIO):
    """Collects what `zipfile` writes until it is taken; cannot seek, so sizes follow the data."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []

    def write(self, chunk: Buffer, /) -> int:
        self._chunks.append(bytes(chunk))
        return len(self._chunks[-1])

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken


async def pack(
    blobs: BlobStore, enclosures: Sequence[Enclosure], *, manifest: bytes, at: datetime
) -> AsyncIterator[bytes]:
    """Yield a ZIP of the manifest and the files; memory is bounded by one block.

    Each block of a file is checked before it is sent. Raises Corrupt in the middle when one does
    not have its digest any more: the answer is cut, and cannot be taken for a whole one.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member("manifest.json", at), manifest)
        yield sink.take()
        for number, enclosure in enumerate(enclosures, 1):
            for one in _parts(number, enclosure):
                member = _member(one.path, at)
                member.file_size = one.size
                with archive.open(member, "w") as target:
                    async for block in blobs.read(one.sha256, blocks=one.blocks):
                        target.write(block)
                        yield sink.take()
    yield sink.take()


@dataclass(frozen=True, slots=True)
class _Part:
    path: str
    size: int
    sha256: str
    blocks: bytes


def _parts(number: int, one: Enclosure) -> list[_Part]:
    """Return a file, and its detached seal if it has one: less than a block, so digest is block."""
    parts = [_Part(member_name(number, one.name), one.size, one.sha256, one.blocks)]
    if one.signature_sha256 is not None:
        whole = bytes.fromhex(one.signature_sha256)
        path = _seal_name(number, one.name)
        parts.append(_Part(path, SIGNATURE_BYTES, one.signature_sha256, whole))
    return parts


def _seal_name(number: int, name: str) -> str:
    return f"{member_name(number, name)}.p7s"


def _member(name: str, at: datetime) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, max(at.timetuple()[:6], _ZIP_EPOCH))
    member.external_attr = 0o644 << 16
    return member


def member_name(number: int, name: str) -> str:
    """Return the name of a file in the package: in one folder, unique, harmless on any system.

    No path, no control character, nothing hidden, no name that Windows reserves.
    """
    visible = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    plain = _FORBIDDEN.sub("_", visible).strip(" .") or "file"
    if len(plain) > _LONGEST_NAME:
        stem, dot, suffix = plain.rpartition(".")
        kept = dot + suffix[:10] if stem else ""
        plain = plain[: _LONGEST_NAME - len(kept)] + kept
    return f"files/{number:02}-{plain}"


def manifest(delivery_id: DeliveryId, entry: Entry, enclosures: Sequence[Enclosure]) -> bytes:
    """Return what the package says of itself: the entry as hashed, and where each file is."""
    return orjson.dumps(
        {
            "delivery_id": delivery_id,
            "lane": entry.lane,
            "sequence": entry.sequence,
            "previous_hash": entry.previous_hash.hex(),
            "hash": entry.hash.hex(),
            "entry": entry.content.decode(),
            "files": [
                {
                    "id": one.id,
                    "role": one.role,
                    "path": member_name(number, one.name),
                    "name": one.name,
                    "media_type": one.media_type,
                    "size": one.size,
                    "sha256": one.sha256,
                    "signature": None
                    if one.signature_sha256 is None
                    else {"path": _seal_name(number, one.name), "sha256": one.signature_sha256},
                }
                for number, one in enumerate(enclosures, 1)
            ],
        },
        default=str,
        option=orjson.OPT_INDENT_2,
    )
