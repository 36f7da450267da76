"""The checks on a receipt: form, chain, purpose of the key, signature, content; all offline."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SUBJECT = "Liên thông: khóa ký biên nhận"
"""Common name of receipt keys: the CA gives it to nobody but the service that signs receipts."""
TYPE = "lienthong-receipt+jwt"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PARTIES = ("from", "to", "acted")
_IDS = ("jti", "delivery_id", "dispatch_id", "document_id")

Json: TypeAlias = "dict[str, Any]"


_ODD = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    jwt.PyJWTError,
)
"""What reading hostile bytes may raise: the check does not hold then."""


class Failed(Exception):  # noqa: N818
    """A check does not hold; says why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt taken apart; nothing of it is believed yet."""

    compact: str
    header: Json
    claims: Json
    chain: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """What the reader brings: the root, and if it has them a revocation list and the files."""

    root: x509.Certificate
    crl: x509.CertificateRevocationList | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check by name, and why it failed (None: it holds)."""

    vi: str
    en: str
    failure: str | None


def verify(text: str, trust: Trust) -> list[Check]:
    """Make every check on a receipt (JWS, or the JSON answer that holds it), in order."""
    try:
        receipt = take_apart(text)
    except Failed as failed:
        return [Check("Dạng biên nhận (JWS)", "Form of the receipt (JWS)", str(failed))]
    checks: list[tuple[str, str, Callable[[Receipt, Trust], None]]] = [
        ("Loại và thuật toán ES256", "Type and algorithm ES256", _header),
        ("Chuỗi chứng thư dẫn tới gốc", "The certificate chain leads to the root", _chain),
        ("Chứng thư còn hạn lúc xác nhận", "Certificates valid at that time", _validity),
        ("Khóa được cấp để ký biên nhận", "The key was issued to sign receipts", _purpose),
        ("Chữ ký đúng với nội dung", "The signature covers the content", _signature),
        ("Nội dung đủ và đúng dạng", "The content is complete and well-formed", _claims),
    ]
    if trust.crl is not None:
        checks.append(("Chứng thư không bị thu hồi", "The certificate is not revoked", _revocation))
    if trust.files:
        checks.append(("Tệp khớp với biên nhận", "The files are those of the receipt", _files))
    form = Check("Dạng biên nhận (JWS)", "Form of the receipt (JWS)", None)
    return [form, *(Check(vi, en, _failure(run, receipt, trust)) for vi, en, run in checks)]


def _failure(run: Callable[[Receipt, Trust], None], receipt: Receipt, trust: Trust) -> str | None:
    try:
        run(receipt, trust)
    except Failed as failed:
        return str(failed)
    except _ODD as error:
        return repr(error)
    return None


def take_apart(text: str) -> Receipt:
    """Split a receipt into its parts. Raises Failed."""
    compact = text.strip()
    try:
        if compact.startswith("{"):
            compact = str(json.loads(compact)["receipt"])
        head, body, signature = compact.split(".")
        _decode(signature)
        header, claims = _object(_decode(head)), _object(_decode(body))
        chain = tuple(
            x509.load_der_x509_certificate(base64.b64decode(one, validate=True))
            for one in header["x5c"]
        )
    except _ODD as error:
        raise Failed(f"không đọc được / cannot be read: {error!r}") from error
    if not chain:
        raise Failed("không có chứng thư / no certificate")
    return Receipt(compact, header, claims, chain)


def _decode(part: str) -> bytes:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise ValueError("not canonical base64url")
    return raw


def _object(raw: bytes) -> Json:
    value: Any = json.loads(raw.decode())
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (a fault of the text)
    return {str(name): member for name, member in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON


def _header(receipt: Receipt, _trust: Trust) -> None:
    if receipt.header.get("typ") != TYPE:
        raise Failed(f"typ = {receipt.header.get('typ')!r}")
    if receipt.header.get("alg") != "ES256":
        raise Failed(f"alg = {receipt.header.get('alg')!r}")
    if extra := set(receipt.header) - {"typ", "alg", "kid", "x5c"}:
        raise Failed(f"tham số lạ / unknown parameters: {', '.join(sorted(extra))}")


def _chain(receipt: Receipt, trust: Trust) -> None:
    path = [one for one in receipt.chain if one != trust.root]
    issuers = [*path[1:], trust.root]
    for below, (certificate, issuer) in enumerate(zip(path, issuers, strict=True)):
        try:
            certificate.verify_directly_issued_by(issuer)
        except _ODD as error:
            raise Failed(f"{_name(certificate)} ← {_name(issuer)}: {error!r}") from error
        _may_issue(issuer, below=below)
    if not path:
        raise Failed("chỉ có gốc / only the root")


def _may_issue(issuer: x509.Certificate, *, below: int) -> None:
    basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    too_deep = basic.path_length is not None and below > basic.path_length
    if not basic.ca or not usage.key_cert_sign or too_deep:
        raise Failed(f"{_name(issuer)} không được cấp chứng thư này / may not issue this")


def _validity(receipt: Receipt, trust: Trust) -> None:
    at = _time(receipt)
    for one in {*receipt.chain, trust.root}:
        if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
            raise Failed(f"{_name(one)}: {one.not_valid_before_utc} – {one.not_valid_after_utc}")


def _purpose(receipt: Receipt, _trust: Trust) -> None:
    leaf = receipt.chain[0]
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if not usage.digital_signature or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise Failed(f"{_name(leaf)}: không phải khóa giao thức / not a protocol key")
    names = [one.value for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [SUBJECT]:
        raise Failed(f"{_name(leaf)} ≠ {SUBJECT}")


def _signature(receipt: Receipt, _trust: Trust) -> None:
    key = receipt.chain[0].public_key()
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise Failed("khóa không phải P-256 / not a P-256 key")
    try:
        jwt.decode(
            receipt.compact,
            key,
            algorithms=["ES256"],
            options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
        )
    except jwt.PyJWTError as error:
        raise Failed(f"chữ ký sai / wrong signature: {error}") from error


def _claims(receipt: Receipt, _trust: Trust) -> None:
    claims = receipt.claims
    for name in _IDS:
        UUID(claims[name])
    for name in _PARTIES:
        UUID(claims[name]["id"])
        _text(claims[name]["code"])
    _text(claims["code"])
    _text(claims["client_id"])
    digests = [one["sha256"] for one in claims["files"]]
    holds = {
        "lane": claims["lane"] in {"normal", "urgent"},
        "sequence": int(claims["sequence"]) > 0,
        "hash": _SHA256.fullmatch(claims["hash"]) is not None,
        "files": bool(digests) and all(_SHA256.fullmatch(one) for one in digests),
        "iat": int(_time(receipt).timestamp()) == claims["iat"],
    }
    if wrong := [name for name, well in holds.items() if not well]:
        raise Failed(", ".join(wrong))


def _text(value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")


def _time(receipt: Receipt) -> datetime:
    at = datetime.fromisoformat(receipt.claims["acknowledged_at"])
    if at.tzinfo is None:
        raise Failed("acknowledged_at: thiếu múi giờ / no time zone")
    return at


def _revocation(receipt: Receipt, trust: Trust) -> None:
    if trust.crl is None:
        return
    leaf, issuer = receipt.chain[0], [*receipt.chain[1:], trust.root][0]
    if trust.crl.issuer != issuer.subject or not trust.crl.is_signature_valid(issuer.public_key()):  # pyright: ignore[reportArgumentType] -- a wrong kind of key raises
        raise Failed("danh sách thu hồi không phải của CA này / the list is not this CA's")
    entry = trust.crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    if entry is not None and entry.revocation_date_utc <= _time(receipt):
        raise Failed(f"thu hồi lúc / revoked at {entry.revocation_date_utc}")


def _files(receipt: Receipt, trust: Trust) -> None:
    known = {one["sha256"] for one in receipt.claims["files"]}
    for path in trust.files:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() not in known:
                raise Failed(f"{path} không có trong biên nhận / is not in the receipt")


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
