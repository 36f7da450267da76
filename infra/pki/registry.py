"""`registry.json`: which certificate belongs to which agency. Signing takes its rows over."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from infra.pki.authority import Use, pem
from infra.pki.files import write


@dataclass(frozen=True, slots=True)
class Registered:
    """One certificate as signing is told of it."""

    sha256: str
    pem: str
    agency: str | None
    """Code of the agency; none for the protocol keys of the exchange itself."""
    kind: str
    """`leader`, `seal` or `protocol`."""
    person: str | None
    """Who signs with it: a leader's name."""


def entry(
    certificate: x509.Certificate, *, use: Use, agency: str | None, person: str | None = None
) -> Registered:
    """Return the row of a certificate."""
    digest = certificate.fingerprint(hashes.SHA256()).hex()
    return Registered(digest, pem(certificate).decode(), agency, use.value, person)


def read(folder: Path) -> list[Registered]:
    """Return the rows of `registry.json`, none when it is not there yet."""
    path = folder / "registry.json"
    if not path.exists():
        return []
    return [Registered(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def save(folder: Path, rows: Iterable[Registered]) -> None:
    """Write all rows; signing reads the file again when it changes."""
    content = json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=0)
    write(folder / "registry.json", content.encode())
