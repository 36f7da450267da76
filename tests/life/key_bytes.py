"""Private keys in every form in which somebody may have written one, sought in files."""

import base64
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from infra.pki.establish import PASSWORD

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_PIECE = 16
"""Bytes of a number that are sought as one: half of the smallest key, 2^-128 by chance."""
_LETTERS = 20
"""Characters of a text that are sought as one: a line's end breaks one piece, not its neighbour."""
_LEAST = 8
"""Shorter ones would be met by chance; of 16 random bytes 8 without a line's end nearly always."""
_URL = bytes.maketrans(b"+/", b"-_")
_GONE = re.compile(r"(No such file or directory|No such process)$")


def kept(pki: Path) -> dict[str, Key]:
    """Return the keys in the exchange's care: the authorities', and those that sign by a PIN."""
    found: dict[str, Key] = {}
    for name in ("root", "issuing"):
        found[name] = _usable(load_pem_private_key((pki / f"{name}.key.pem").read_bytes(), None))
    for path in sorted((pki / "keys").glob("*.p12")):
        found[path.stem] = _usable(pkcs12.load_key_and_certificates(path.read_bytes(), PASSWORD)[0])
    return found


def _usable(key: object) -> Key:
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError("neither RSA nor elliptic curve")
    return key


def numbers(key: Key) -> list[bytes]:
    """Return the numbers that are secret, big-endian as in DER (RFC 5915 3, RFC 8017 A.1.2)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return [key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8)]
    own = key.private_numbers()
    secret = (own.d, own.p, own.q, own.dmp1, own.dmq1, own.iqmp)
    return [number.to_bytes((number.bit_length() + 7) // 8) for number in secret]


def forms(number: bytes) -> Iterator[bytes]:
    """Yield pieces of a number as bytes (DER too), hexadecimal, base64 (PEM, JWK) and decimal."""
    raw = [number[at : at + _PIECE] for at in range(0, len(number), _PIECE)]
    # What is sought stands in lines, so none may hold a line's end.
    yield from (max(re.split(rb"[\n\0]", piece), key=len) for piece in raw)
    texts = [number.hex(), number.hex(":"), str(int.from_bytes(number))]
    for text in {*texts, *(text.upper() for text in texts)}:
        yield from _cut(text.encode())
    for before in range(3):  # bytes of a group that belong to what stands before it
        text = base64.b64encode(bytes(before) + number)
        whole = text[(before * 8 + 5) // 6 : (before + len(number)) * 8 // 6]
        yield from _cut(whole)
        yield from _cut(whole.translate(_URL))


def _cut(text: bytes) -> Iterator[bytes]:
    return (text[at : at + _LETTERS] for at in range(0, len(text) - _LETTERS + 1, _LETTERS))


def sought(keys: Mapping[str, Key]) -> dict[bytes, str]:
    """Return all that is sought, and of which key each piece is."""
    return {
        piece: name
        for name, key in keys.items()
        for number in numbers(key)
        for piece in forms(number)
        if len(piece) >= _LEAST
    }


def search(pieces: Mapping[bytes, str], places: Iterable[Path]) -> set[tuple[str, Path]]:
    """Return which key lies in which file of these places: folders, or files.

    Raises RuntimeError for what cannot be read, unless it has gone meanwhile.
    """
    # Zeros end lines: in files of a database that is far less than a line's end would leave.
    command = ["grep", "-zraoFHZ", "-D", "skip", "-f", "-", "--", *map(str, places)]
    done = subprocess.run(
        command, input=b"\n".join(pieces), capture_output=True, check=False, env={"LC_ALL": "C"}
    )
    unread = [line for line in done.stderr.decode().splitlines() if not _GONE.search(line)]
    if unread:
        raise RuntimeError("\n".join(unread[:5]))
    words = iter(done.stdout.split(b"\0")[:-1])
    return {(pieces[piece], Path(path.decode())) for path, piece in zip(words, words, strict=True)}


def stored(run: Path) -> list[Path]:
    """Return all that a stack has written, but the folder of its keys."""
    inside = [path.resolve() for path in run.iterdir() if path.name != "pki"]
    return [path for path in inside if path.is_dir() or path.is_file()]


def processes() -> Iterator[Path]:
    """Yield the environment and command line of each process that we may look at."""
    for folder in Path("/proc").glob("[0-9]*"):
        for path in (folder / "environ", folder / "cmdline"):
            try:
                path.open("rb").close()
            except OSError:
                continue  # another user's, or gone
            yield path
