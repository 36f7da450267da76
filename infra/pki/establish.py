"""Set-up of the PKI folder of a stack: everything that is missing is made, nothing is replaced."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from infra.pki import registry, seed
from infra.pki.authority import (
    Addresses,
    Authority,
    Period,
    PrivateKey,
    Use,
    issue,
    key_pem,
    make_issuing,
    make_root,
    make_root_list,
    new_key,
    pem,
    subject,
)
from infra.pki.clients import make_clients
from infra.pki.files import locked, write
from infra.pki.registry import Registered

PASSWORD = b"development"
RSA_SIGNERS = frozenset({"G22"})
"""Agencies whose officials sign with RSA-2048, as today's tokens do; the others with P-256."""
_RSA_BITS = 2048
_PROTOCOL = {
    "gateway": "Cổng liên thông: khóa ký mã truy cập",
    "notify": "Liên thông: khóa ký biên nhận",
}
_DEFAULT_SIGNING = "http://127.0.0.1:8082"
_DEFAULT_GATEWAY = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Office:
    """An opened PKI folder that can issue."""

    folder: Path
    root: Authority
    issuing: Authority
    addresses: Addresses


def establish(run: Path, seed_file: Path) -> int:
    """Complete `<run>/pki` for the agencies of a seed; returns how many certificates were made.

    May be ended at any moment and begun again: a key without its row in the registry counts as
    not made.
    """
    agencies = seed.read(seed_file)
    ports = _ports(run)
    office = open_office(run, signing=ports.get("signing", _DEFAULT_SIGNING))
    with locked(office.folder):
        rows = registry.read(office.folder)
        made = [*_subscribers(office, agencies, rows), *_protocol_keys(office, rows)]
        registry.save(office.folder, [*rows, *made])
    gateway = ports.get("gateway", _DEFAULT_GATEWAY)
    make_clients(run, agencies, token_endpoint=f"{gateway}/oauth/token")
    return len(made)


def open_office(run: Path, *, signing: str | None = None) -> Office:
    """Open the PKI folder of a stack and make the authorities that are missing."""
    folder = run / "pki"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    addresses = Addresses(signing or _ports(run).get("signing", _DEFAULT_SIGNING))
    root = make_root(folder)
    issuing = make_issuing(folder, root, addresses)
    make_root_list(folder, root)
    return Office(folder, root, issuing, addresses)


def make_subscriber(
    office: Office, agency: seed.SeedAgency, use: Use, *, period: Period | None = None
) -> tuple[Registered, bytes]:
    """Issue a leader's or an organisation's certificate; return its row and its PKCS#12 file."""
    key = new_key(rsa_bits=_RSA_BITS if agency.code in RSA_SIGNERS else None)
    person = agency.leader if use is Use.LEADER else None
    name = subject(common_name=person or agency.name, organisation=agency.name, code=agency.code)
    certificate = issue(
        office.issuing, name, key, use=use, addresses=office.addresses, period=period
    )
    content = bundle(key, certificate, (office.issuing.certificate,), label=person or agency.name)
    return registry.entry(certificate, use=use, agency=agency.code, person=person), content


def place(folder: Path, code: str, use: Use) -> Path:
    """Return where a holder's certificate and key lie."""
    return folder / f"{code}.{use}.p12"


def keep(folder: Path, row: Registered, content: bytes) -> None:
    """Have signing keep a key too: its file, encrypted under the PIN, by its certificate's digest.

    The PIN of a development key is the password of its PKCS#12 file.
    """
    write(folder / "keys" / f"{row.sha256}.p12", content, secret=True)


def issue_protocol_key(office: Office, service: str) -> Registered:
    """Issue a protocol key to gateway or notify: key and chain in `<service>/<kid>.pem`."""
    key = new_key()
    name = subject(
        common_name=_PROTOCOL[service], organisation="Liên thông (môi trường phát triển)"
    )
    certificate = issue(office.issuing, name, key, use=Use.PROTOCOL, addresses=office.addresses)
    kid = certificate.fingerprint(hashes.SHA256()).hex()[:32]
    content = key_pem(key) + pem(certificate) + pem(office.issuing.certificate)
    write(office.folder / service / f"{kid}.pem", content, secret=True)
    return registry.entry(certificate, use=Use.PROTOCOL, agency=None)


def bundle(
    key: PrivateKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate], *, label: str
) -> bytes:
    """Return a PKCS#12 file with the development password.

    Few rounds on purpose: the password is public, and a thousand files are made at set-up.
    """
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2048)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD)
    )
    return pkcs12.serialize_key_and_certificates(
        label.encode(), key, certificate, list(chain), encryption
    )


def _subscribers(
    office: Office, agencies: Sequence[seed.SeedAgency], rows: Sequence[Registered]
) -> list[Registered]:
    known = {(row.agency, row.kind) for row in rows}
    made: list[Registered] = []
    for agency in agencies:
        for use in (Use.LEADER, Use.SEAL):
            path = place(office.folder, agency.code, use)
            if (agency.code, use.value) not in known or not path.exists():
                row, content = make_subscriber(office, agency, use)
                keep(office.folder, row, content)
                write(path, content, secret=True)
                made.append(row)
    _keep_known(office.folder, rows)
    return made


def _keep_known(folder: Path, rows: Sequence[Registered]) -> None:
    """Have signing keep the present keys of a folder from before it kept any."""
    present = {(row.agency, row.kind): row for row in rows if row.agency}
    for (code, use), row in present.items():
        path = folder / f"{code}.{use}.p12"
        if path.exists() and not (folder / "keys" / f"{row.sha256}.p12").exists():
            keep(folder, row, path.read_bytes())


def _protocol_keys(office: Office, rows: Sequence[Registered]) -> list[Registered]:
    known = {row.sha256[:32] for row in rows if row.kind == Use.PROTOCOL}
    made: list[Registered] = []
    for service in _PROTOCOL:
        for path in (office.folder / service).glob("*.pem"):
            if path.stem not in known:
                path.unlink()
        if not list((office.folder / service).glob("*.pem")):
            made.append(issue_protocol_key(office, service))
    return made


def _ports(run: Path) -> dict[str, str]:
    path = run / "ports.json"
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))
