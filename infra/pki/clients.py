"""Connected systems of the development stack: their keys, and what the gateway is told of them.

A system of an agency may also have its kept keys sign (`documents.sign`); in this stack the PIN
of each is `development` (`pki/keys/<sha256 of the certificate>.p12`).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.pki.authority import key_pem
from infra.pki.files import write
from infra.pki.seed import SeedAgency

HUB = "hub-h14-communes"
_AGENCY_SCOPES = ("directory", "documents.send", "documents.receive", "documents.sign")
_SERVICES = ("docs", "signing", "notify", "gateway", "provisioner")
_COORDINATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Client:
    """One OAuth client."""

    client_id: str
    agencies: tuple[str, ...]
    scopes: tuple[str, ...]
    key: Path
    """Its private key, below the PKI folder."""


def list_clients(agencies: Sequence[SeedAgency]) -> list[Client]:
    """Return one system per agency; one hub for the communes of Cao Bằng, as providers run it."""
    hub = tuple(a.code for a in agencies if a.level == "commune" and a.code.startswith("H14."))
    served = frozenset(hub)
    clients = [
        _outside(system_id(a.code), (a.code,), _AGENCY_SCOPES)
        for a in agencies
        if a.code not in served
    ]
    if hub:
        clients.append(_outside(HUB, hub, _AGENCY_SCOPES))
    clients.append(_outside("operator", (), ("operator",)))
    clients.append(_outside("registrar", (), ("registrar", "directory")))
    clients.extend(
        Client(f"service-{name}", (), ("internal",), Path(f"service-{name}.key.pem"))
        for name in _SERVICES
    )
    return clients


def system_id(code: str) -> str:
    """Return the client id of the system of an agency."""
    return "sys-" + code.lower().replace(".", "-")


def make_clients(run: Path, agencies: Sequence[SeedAgency], *, token_endpoint: str) -> None:
    """Make the missing keys, then `gateway-clients.json` (public) and `clients.json` (outside)."""
    folder = run / "pki"
    clients = list_clients(agencies)
    secret = _operator_secret(folder)
    rows: list[dict[str, object]] = []
    for client in clients:
        row: dict[str, object] = {
            "client_id": client.client_id,
            "agencies": list(client.agencies),
            "scopes": list(client.scopes),
            "jwks": {"keys": [_jwk(_key(folder / client.key))]},
        }
        if client.client_id == "operator":
            row["secret_sha256"] = hashlib.sha256(secret.encode()).hexdigest()
        rows.append(row)
    write(folder / "gateway-clients.json", _json(rows))
    outside = [
        {
            "client_id": client.client_id,
            "agencies": list(client.agencies),
            "scope": " ".join(client.scopes),
            "private_key": str((folder / client.key).absolute()),
            "token_endpoint": token_endpoint,
        }
        for client in clients
        if "internal" not in client.scopes
    ]
    write(run / "clients.json", _json(outside))


def _outside(client_id: str, agencies: tuple[str, ...], scopes: tuple[str, ...]) -> Client:
    return Client(client_id, agencies, scopes, Path("clients") / f"{client_id}.pem")


def _operator_secret(folder: Path) -> str:
    path = folder / "operator.secret"
    if not path.exists():
        write(path, secrets.token_urlsafe(32).encode(), secret=True)
    return path.read_text(encoding="ascii")


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write(path, key_pem(key), secret=True)
        return key
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.name} is not an elliptic-curve key")
    return loaded


def _jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    jwk = {"crv": "P-256", "kty": "EC", "x": _base64(numbers.x), "y": _base64(numbers.y)}
    # RFC 7638: the thumbprint is over the members in this order, without white space.
    thumbprint = hashlib.sha256(json.dumps(jwk, separators=(",", ":")).encode()).digest()
    kid = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
    return {**jwk, "kid": kid, "alg": "ES256", "use": "sig"}


def _base64(number: int) -> str:
    raw = number.to_bytes(_COORDINATE_BYTES, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
