"""The trust list as a signed statement: made for others, and read from others."""

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.signing.compare import read_told
from services.signing.keys import Authorities
from services.signing.store.trust import TrustList
from services.signing.trustlist import AddAuthority, Entries, Entry, digest, in_force
from shared.errors import Problem

TYPE = "lienthong-trust-list+jwt"
"""`typ` of the JWS header: nothing else that is signed can pass for it."""
_ALGORITHMS = ["ES256", "ES384", "ES512", "RS256"]
_APART_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Export:
    """A verified export of a trust list."""

    made_at: datetime
    """By its signer's own word."""
    version: int
    digest: str
    authorities: tuple[AddAuthority, ...]


def signed(authorities: Authorities, listed: TrustList) -> str:
    """Return the list in force as a JWS, signed by the issuing CA.

    Its certificate and the root's stand in the header (`x5c`): whoever has the root verifies it
    without asking anybody, as a revocation list. No key of a system would be good for that.
    """
    trusted = in_force(listed.entries)
    claims = {
        "iat": int(time.time()),
        "version": listed.version,
        "digest": digest(listed.entries),
        "authorities": [one.told() for _, one in sorted(trusted.items())],
    }
    return authorities.sign_statement(claims, kind=TYPE)


def verified(compact: str, own: Entries) -> Export:
    """Return what an export says that an authority of our own list has signed.

    Raises Problem TRU-4222.
    """
    try:
        header = jwt.get_unverified_header(compact)
        key = _key_of(_signer(header, own))
        claims = jwt.decode(
            compact,
            key,
            algorithms=_ALGORITHMS,
            leeway=_APART_SECONDS,
            options={"require": ["iat", "version", "digest", "authorities"]},
        )
        found = tuple(read_told(one) for one in claims["authorities"])
        made_at = datetime.fromtimestamp(claims["iat"], UTC)
        return Export(made_at, int(claims["version"]), str(claims["digest"]), found)
    except _Unsigned as why:
        raise Problem("TRU-4222", vi=why.vi, en=why.en) from None
    except (
        jwt.PyJWTError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
    ) as error:
        name = type(error).__name__
        raise Problem("TRU-4222", vi=f"Bản xuất hỏng ({name}).", en=f"Broken: {name}.") from None


class _Unsigned(Exception):  # noqa: N818 (what the export is)
    """Nobody whom we trust for that has signed it."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


def _signer(header: Mapping[str, Any], own: Entries) -> Entry:
    """Return the listed authority that the header names: by its certificate, byte for byte."""
    if header.get("typ") != TYPE:
        raise _Unsigned("Đây không phải bản xuất danh sách tin cậy.", "No export of a trust list.")
    chain = header.get("x5c")
    try:
        der = base64.b64decode(str(cast("list[str]", chain)[0]), validate=True)
    except (binascii.Error, LookupError, TypeError):
        raise _Unsigned("Bản xuất thiếu x5c.", "Its header has no x5c.") from None
    for one in in_force(own).values():
        if one.der == der and "protocol" in one.terms.purposes:
            return one
    raise _Unsigned(
        "Bên ký không có trong danh sách hiện hành hoặc không có mục đích protocol.",
        "Its signer is not listed here, or not trusted for protocol.",
    )


def _key_of(signer: Entry) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    key = x509.load_der_x509_certificate(signer.der).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise TypeError("a key of another kind")
    return key
