"""Two clients list an authority, its revocation list is asked for, and its trust ends again."""

import asyncio
import datetime as dt
import secrets
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.proof.client import System, Unreachable
from tests.proof.harness import Json

_LIST = "/v1/trust-list"
_PATIENCE = 110.0
"""Longer than the lease of a process that died as it fetched."""
_LOOK = 0.5


async def list_and_end(proposing: System, deciding: System) -> None:
    """List an authority that signs nothing, wait until its list was asked for, and end it.

    What lies at its address is another authority's list: it is refused, which is enough here.
    Raises Unreachable.
    """
    name = f"thu-{secrets.token_hex(6)}"
    added = {
        "action": "add",
        "name": name,
        "certificate": _root(name),
        "anchor": True,
        "trusted_from": dt.datetime.now(dt.UTC).isoformat(),
        "purposes": ["timestamp"],
        "crl": [f"{proposing.gateway}/pki/issuing/crl"],
        "private_addresses": True,
    }
    await _agree(proposing, deciding, added)
    end = time.monotonic() + _PATIENCE
    while not _asked((await proposing.ask("GET", _LIST)).json(), name):
        if time.monotonic() > end:
            raise Unreachable(f"the list of {name} was not asked for")
        await asyncio.sleep(_LOOK)
    await _agree(proposing, deciding, {"action": "end", "name": name})


async def _agree(proposing: System, deciding: System, change: Json) -> None:
    body = {"reason": "thử nghiệm", "change": change}
    made = (await proposing.ask("POST", f"{_LIST}/changes", body=body)).json()
    await deciding.ask("POST", f"{_LIST}/changes/{made['id']}/approval")


def _asked(listed: Json, name: str) -> bool:
    return any(
        one["name"] == name and one["revocation"]["failures"] for one in listed["authorities"]
    )


def _root(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begins = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
