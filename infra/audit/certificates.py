"""Certificates as registered: against their bytes, the register, the newest revocation lists."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.pki import registry
from infra.pki.registry import Registered
from services.signing.validation.extensions import extension, is_authority
from services.signing.validation.policy import NEWEST, load

_OWN = "issuing"
"""The authority whose lists signing makes: they say what its rows say."""
_FOLDER = ("root", _OWN)


@dataclass(frozen=True, slots=True)
class Register:
    """What certificates are held against."""

    rows: Mapping[str, Registered]
    """Of `registry.json`, by digest."""
    lists: Mapping[str, x509.CertificateRevocationList]
    """The newest one of each authority."""
    numbers: Mapping[str, int]
    """Of those lists."""
    agencies: Mapping[str, UUID]
    """Every code that names or named an agency."""


def registered(folder: Path) -> dict[str, Registered]:
    """Return the rows of the register by digest."""
    return {row.sha256: row for row in registry.read(folder)}


def check_certificate(
    key: tuple[str], case: Case, books: Books, register: Register
) -> Iterator[Finding]:
    """Yield what is wrong with one certificate's row."""
    where = f"certificate {key[0]}"
    if not case["certificate"]:
        yield Finding(where, "is in the register, signing does not know it", passing=True)
        return
    (row,) = case["certificate"]
    books.counted["certificates"] += 1
    if hashlib.sha256(row["der"]).hexdigest() != row["sha256"]:
        yield Finding(where, "its bytes have another digest")
        return
    certificate = _read(row["der"])
    said = {
        "serial": certificate.serial_number,
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
    }
    found = {**{name: row[name] for name in said}, "serial": int(row["serial"])}
    yield from differing(where, "row against its bytes", said, found, said)
    yield from _whose(where, row, certificate, register)
    yield from _state(where, row, certificate, register)


@lru_cache(maxsize=65_536)
def _read(der: bytes) -> x509.Certificate:
    """The same bytes are the same certificate: read once in a process."""
    return x509.load_der_x509_certificate(der)


def _whose(
    where: str, row: Row, certificate: x509.Certificate, register: Register
) -> Iterator[Finding]:
    known = register.rows.get(row["sha256"])
    if known is None:  # of the trust list, or a time-stamping unit as a file brought it
        kind = "timestamp" if _stamps(certificate) else "authority"
        said = {"kind": kind, "agency_code": None, "person": None}
    else:
        said = {"kind": known.kind, "agency_code": known.agency, "person": known.person}
    yield from differing(where, "against the register", said, row, said)
    if not _is_issued(row):
        yield Finding(where, f"was not issued by {row['issuer']}")
    code, agency = row["agency_code"], row["agency_id"]
    bound = None if code is None else register.agencies.get(code)
    if agency != bound:
        yield Finding(where, f"is bound to {agency}, not to {bound}", passing=agency is None)


def _stamps(certificate: x509.Certificate) -> bool:
    """Say whether a certificate is a time-stamping unit's (RFC 3161 2.3)."""
    purposes = extension(certificate.extensions, x509.ExtendedKeyUsage) or ()
    return ExtendedKeyUsageOID.TIME_STAMPING in purposes and not is_authority(certificate)


def _is_issued(row: Row) -> bool:
    """Say whether the authority of the trust list that a row names has signed its certificate."""
    if row["issued_by"] is None:
        return False
    try:
        issuer = x509.load_pem_x509_certificate(row["issued_by"].encode())
        _read(row["der"]).verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _state(
    where: str, row: Row, certificate: x509.Certificate, register: Register
) -> Iterator[Finding]:
    """The newest list says what the row says: revoked or not, when, and why."""
    newest = register.lists.get(row["issuer"])
    entry = None
    if newest is not None:
        entry = newest.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if row["retired"] and not _may_be_retired(row, entry):
        yield Finding(where, "is revoked so that its stamps stay, and nobody has said so")
    if row["state"] == "revoked" and (row["ended"] or row["issuer"] not in _FOLDER):
        return  # by the trust list, or for us alone: no list tells of it
    said: dict[str, object] = {"state": "good", "reason": None, "revoked_at": None}
    if newest is None:
        return
    if entry is not None:
        reason = _reason(entry)
        state = "suspended" if reason == "certificateHold" else "revoked"
        said = {"state": state, "reason": reason, "revoked_at": entry.revocation_date_utc}
    if row["issuer"] != _OWN:
        said.pop("revoked_at")  # when we learnt of it
    yield from differing(where, "against the newest revocation list", said, row, said)
    number = register.numbers[row["issuer"]]
    if row["changed_in"] > number:
        said_number = row["changed_in"]
        yield Finding(where, f"changed in list {said_number}, the newest one is {number}")


def _may_be_retired(row: Row, entry: x509.RevokedCertificate | None) -> bool:
    """Say whether a unit may be revoked for what spares its stamps (RFC 3161 4, 1).

    Where no list names it an answer may have said so.
    """
    if row["kind"] != "timestamp" or row["state"] != "revoked":
        return False
    return entry is None or load(NEWEST.read_bytes()).retires(_stated(entry))


def _reason(entry: x509.RevokedCertificate) -> str:
    """Return why; an entry without a reason says `unspecified` (RFC 5280 5.3.1)."""
    return _stated(entry) or "unspecified"


def _stated(entry: x509.RevokedCertificate) -> str | None:
    try:
        return str(entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value)
    except x509.ExtensionNotFound:
        return None
