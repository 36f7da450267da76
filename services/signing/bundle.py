"""Evidence as files: a folder or a ZIP with one `verdict.json` and the pieces it rests on."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from services.signing.evidence import Incomplete

VERDICT = "verdict.json"
MATERIALS = "materials/"
MOST_BYTES = 64 << 20
"""Of a bundle that is read, unpacked."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same evidence is the same ZIP, whenever it is packed."""


def pack(evidence: bytes, kept: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of a verdict and of the pieces that it rests on."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr(zipfile.ZipInfo(VERDICT, _EPOCH), evidence, zipfile.ZIP_DEFLATED)
        for sha256 in sorted(kept):
            name = zipfile.ZipInfo(f"{MATERIALS}{sha256}", _EPOCH)
            into.writestr(name, kept[sha256], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """Read a folder or a ZIP: the verdict, and pieces by digest. Raises Incomplete, OSError."""
    named = dict(_folder(path)) if path.is_dir() else _zip(path)
    if VERDICT not in named:
        raise Incomplete(f"{path}: there is no {VERDICT}")
    pieces = {
        name.removeprefix(MATERIALS): content
        for name, content in named.items()
        if name.startswith(MATERIALS)
    }
    return named[VERDICT], pieces


def _folder(path: Path) -> Mapping[str, bytes]:
    found = [path / VERDICT, *sorted((path / MATERIALS).glob("*"))]
    return {str(one.relative_to(path)): one.read_bytes() for one in found if one.is_file()}


def _zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as packed:
            if sum(one.file_size for one in packed.infolist()) > MOST_BYTES:
                raise Incomplete(f"{path}: more than {MOST_BYTES >> 20} MiB of evidence")
            return {one.filename: packed.read(one) for one in packed.infolist()}
    except zipfile.BadZipFile:
        raise Incomplete(f"{path}: neither a folder nor a ZIP") from None
