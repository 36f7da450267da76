"""Evidence as files: a folder or a ZIP with one `verdict.json` and the pieces it rests on."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.signing.evidence import Incomplete
from services.signing.validation.material import LARGEST

VERDICT = "verdict.json"
MATERIALS = "materials/"
MOST_BYTES = 16 * LARGEST
"""Of a bundle, unpacked, when it is made as when it is read: lists of two authorities for a leader,
a seal and their time stamps are eight at most, and there may be other signatures."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same evidence is the same ZIP, whenever it is packed."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What reading a ZIP raises: RuntimeError for one with a password or of an unknown method."""


class TooLarge(Incomplete):
    """More evidence than a bundle may be: nothing of it is wrong."""


def pack(evidence: bytes, kept: Mapping[str, bytes]) -> bytes:
    """Return a ZIP of a verdict and of the pieces that it rests on. Raises TooLarge."""
    _check_size("the verdict", (len(evidence), *map(len, kept.values())))
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
    there = (path / VERDICT, *sorted((path / MATERIALS).glob("*")))
    found = [one for one in there if one.is_file()]
    _check_size(path, (one.stat().st_size for one in found))
    return {str(one.relative_to(path)): one.read_bytes() for one in found}


def _zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as packed:
            _check_size(path, (one.file_size for one in packed.infolist()))
            return {one.filename: packed.read(one) for one in packed.infolist()}
    except Incomplete:
        raise
    except _BROKEN as error:
        said = f"{path}: neither a folder nor a ZIP that can be read ({error})"
        raise Incomplete(said) from None


def _check_size(what: object, sizes: Iterable[int]) -> None:
    """Raise TooLarge for more than a bundle may be."""
    if sum(sizes) > MOST_BYTES:
        raise TooLarge(f"{what}: more than {MOST_BYTES >> 20} MiB of evidence")
