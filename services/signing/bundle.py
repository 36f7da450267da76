"""Evidence as files: a folder or a ZIP with one `verdict.json` and the pieces it rests on.

`withdrawal.json` stands beside it when that verdict no longer holds.
"""

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.signing.evidence import Incomplete
from services.signing.validation.material import LARGEST

VERDICT = "verdict.json"
WITHDRAWAL = "withdrawal.json"
MATERIALS = "materials/"
MOST_BYTES = 16 * LARGEST
"""Of a bundle, unpacked, when it is made as when it is read: lists of two authorities for a leader,
a seal and their time stamps are eight at most, and there may be other signatures."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same evidence is the same ZIP, whenever it is packed."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What reading a ZIP raises: RuntimeError for one with a password or of an unknown method."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds."""

    evidence: bytes
    kept: dict[str, bytes]
    """The pieces, by the digests under which they stand there."""
    withdrawal: bytes | None
    """None proves nothing: it may have come later, or have been taken out."""


class TooLarge(Incomplete):
    """More evidence than a bundle may be: nothing of it is wrong."""


def pack(evidence: bytes, kept: Mapping[str, bytes], withdrawal: bytes | None = None) -> bytes:
    """Return a ZIP of a verdict, of the pieces that it rests on, and of its withdrawal, if any.

    Raises TooLarge.
    """
    own = {VERDICT: evidence} if withdrawal is None else {VERDICT: evidence, WITHDRAWAL: withdrawal}
    _check_size("the verdict", map(len, (*own.values(), *kept.values())))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in own.items():
            into.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
        for sha256 in sorted(kept):
            piece = zipfile.ZipInfo(f"{MATERIALS}{sha256}", _EPOCH)
            into.writestr(piece, kept[sha256], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(path: Path) -> Bundle:
    """Read a folder or a ZIP. Raises Incomplete, OSError."""
    named = dict(_folder(path)) if path.is_dir() else _zip(path)
    if VERDICT not in named:
        raise Incomplete(f"{path}: there is no {VERDICT}")
    pieces = {
        name.removeprefix(MATERIALS): content
        for name, content in named.items()
        if name.startswith(MATERIALS)
    }
    return Bundle(named[VERDICT], pieces, named.get(WITHDRAWAL))


def _folder(path: Path) -> Mapping[str, bytes]:
    there = (path / VERDICT, path / WITHDRAWAL, *sorted((path / MATERIALS).glob("*")))
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
