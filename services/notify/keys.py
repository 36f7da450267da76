"""The folder of receipt keys: the newest signs; a change of the folder is seen at the next use."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from services.notify.receipt import ReceiptKey
from shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class _Candidate:
    key: ReceiptKey
    certificate: x509.Certificate

    def valid(self, now: datetime) -> bool:
        leaf = self.certificate
        return leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc


class ReceiptKeys:
    """Keys as `<kid>.pem`: private key, its certificate, the issuing CA's."""

    def __init__(self, folder: Path) -> None:
        """Look into `folder`, now and whenever it has changed."""
        self._folder = folder
        self._seen: tuple[tuple[str, int], ...] | None = None
        self._candidates: tuple[_Candidate, ...] = ()

    def signing(self) -> ReceiptKey:
        """Return the newest key whose certificate is valid now. Raises Unavailable if none is."""
        state = tuple(sorted((one.name, one.stat().st_mtime_ns) for one in self._files()))
        if state != self._seen:
            found = [one for path in self._files() if (one := _load(path)) is not None]
            found.sort(key=lambda one: one.certificate.not_valid_before_utc, reverse=True)
            self._candidates, self._seen = tuple(found), state
        now = datetime.now(UTC)
        for candidate in self._candidates:
            if candidate.valid(now):
                return candidate.key
        raise Unavailable("a valid receipt key")

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.pem"))


def _load(path: Path) -> _Candidate | None:
    """Read one file; None while it is half written or is no P-256 key with its certificate."""
    try:
        raw = path.read_bytes()
        key = load_pem_private_key(raw, password=None)
        chain = x509.load_pem_x509_certificates(raw)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        return None
    if chain[0].public_key() != key.public_key():
        return None
    return _Candidate(
        ReceiptKey(path.stem, key, tuple(one.public_bytes(Encoding.DER) for one in chain)),
        chain[0],
    )
