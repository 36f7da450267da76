"""The trust list as a signed statement: made for others, and read from others."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.types import Options

from services.signing.certificate import Registered, authority_key
from services.signing.compare import read_told
from services.signing.keys import Authorities
from services.signing.report.wording import moment
from services.signing.store import certificates, trust
from services.signing.store.trust import TrustList
from services.signing.trustlist import AddAuthority, Entries, Entry, digest, in_force
from shared.db import Connection, clock
from shared.errors import Problem

TYPE = "lienthong-trust-list+jwt"
"""`typ` of the JWS header: nothing else that is signed can pass for it."""
_ALGORITHMS = ["ES256", "ES384", "ES512", "RS256"]
_APART = timedelta(minutes=5)
_OPTIONS: Options = {
    "require": ["iat", "version", "digest", "authorities"],
    "verify_iat": False,  # by the clock of this machine, which may be anything
}
_MOST_VERSION = (1 << 63) - 1
_LONGEST = 8
"""Authorities on a way from a signer to a root."""


@dataclass(frozen=True, slots=True)
class Export:
    """A verified export of a trust list."""

    signer: str
    """The name under which its signer is listed here."""
    key: str
    """What all names of the signer have in common (`authority_key`)."""
    made_at: datetime
    """By its signer's own word."""
    version: int
    digest: str
    authorities: tuple[AddAuthority, ...]

    @property
    def said(self) -> str:
        """Return whose it is and of when, for whoever decides on what it leads to."""
        at = moment(self.made_at.isoformat())
        return f"[bản xuất do {self.signer} ký, phiên bản {self.version}, lập lúc {at}]"


def signed(authorities: Authorities, listed: TrustList, at: datetime) -> str:
    """Return the list in force as a JWS, signed by the issuing CA at a moment.

    Its certificate and the root's stand in the header (`x5c`): whoever has the root verifies it
    without asking anybody, as a revocation list. No key of a system would be good for that.
    """
    trusted = in_force(listed.entries)
    claims = {
        "iat": int(at.timestamp()),
        "version": listed.version,
        "digest": digest(listed.entries),
        "authorities": [one.told() for _, one in sorted(trusted.items())],
    }
    return authorities.sign_statement(claims, kind=TYPE)


def verified(compact: str, own: Entries, *, until: datetime) -> Export:
    """Return what an export says that an authority of our own list has signed.

    `until`: it is of no later moment. Raises Problem TRU-4222.
    """
    try:
        header = jwt.get_unverified_header(compact)
        signer = _signer(header, own)
        claims = jwt.decode(
            compact,
            _key_of(signer),
            algorithms=_ALGORITHMS,
            options=_OPTIONS,
        )
        found = tuple(read_told(one) for one in claims["authorities"])
        made_at, version = datetime.fromtimestamp(claims["iat"], UTC), int(claims["version"])
        if made_at - _APART > until or not 0 < version <= _MOST_VERSION:
            raise ValueError("no version")  # noqa: TRY301 (one answer for every cause)
        return Export(
            signer=signer.name,
            key=authority_key(signer.der),
            made_at=made_at,
            version=version,
            digest=str(claims["digest"]),
            authorities=found,
        )
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


async def accepted(conn: Connection, compact: str) -> tuple[Export, Entries]:
    """Return an export that may be imported, and the list in which its signer stands.

    Raises Problem TRU-4222.
    """
    own = (await trust.current(conn)).entries
    now = await clock(conn)
    theirs = verified(compact, own, until=now)
    digests = [one.sha256 for one in in_force(own).values()]
    check_signer(theirs, own, await certificates.known(conn, digests), now)
    return theirs, own


async def note(conn: Connection, theirs: Export) -> None:
    """Note that an export is imported. Raises Problem TRU-4222 when a newer one was."""
    newer = await trust.note_import(
        conn, theirs.key, version=theirs.version, made_at=theirs.made_at
    )
    if newer is not None:
        version, made_at = newer
        raise Problem(
            "TRU-4222",
            vi=f"Đã nhập bản mới hơn của {theirs.signer}: phiên bản {version},"
            f" lập lúc {moment(made_at.isoformat())}.",
            en=f"A newer one of {theirs.signer} was imported: version {version},"
            f" made at {made_at.isoformat()}.",
        )


def check_signer(
    theirs: Export, own: Entries, registered: Mapping[str, Registered], now: datetime
) -> None:
    """Check that an export's signer was good when it was made, and that it still is.

    So are all authorities above it. When it was made its signer alone says, as whoever has its key
    may: a revocation speaks against it whenever it was, and both moments count.
    Raises Problem TRU-4222.
    """
    times = min(theirs.made_at, now), max(theirs.made_at, now)
    problem = _objection((own[theirs.signer],), own, registered, times)
    if problem is not None:
        raise problem


def _objection(
    way: tuple[Entry, ...],
    own: Entries,
    registered: Mapping[str, Registered],
    times: tuple[datetime, datetime],
) -> Problem | None:
    """Return what speaks against the last authority of a way from the signer on; None: nothing.

    One that was renewed is as good as one of its certificates, as in a judgement.
    """
    one, (earlier, later) = way[-1], times
    row = registered.get(one.sha256)
    if row is None or row.state != "good":
        return _refused(*_DISTRUSTED, one.name)
    certificate = x509.load_der_x509_certificate(one.der)
    begins = max(one.terms.trusted_from, certificate.not_valid_before_utc)
    ends = min(one.terms.trusted_until or _NEVER, certificate.not_valid_after_utc)
    if not begins <= earlier <= later <= ends:
        return _refused(*_NOT_THEN, one.name)
    if one.anchor:
        return None
    above = _issuers(row.issuer, own) if len(way) < _LONGEST else []
    found = [_objection((*way, up), own, registered, times) for up in above if up not in way]
    return None if None in found else next(iter(found), _refused(*_NO_ROOT, way[0].name))


def _issuers(name: str, own: Entries) -> list[Entry]:
    """Return the authorities in force behind a name; it may be one that has ended since."""
    key = authority_key(own[name].der) if name in own else None
    trusted = (one for one in in_force(own).values() if "authority" in one.terms.purposes)
    return [one for one in trusted if authority_key(one.der) == key]


_NEVER = datetime.max.replace(tzinfo=UTC)
_DISTRUSTED = (
    "Chứng thư số của {name} đã bị thu hồi, bị tạm dừng, hoặc ở đây chưa biết trạng thái.",
    "The certificate of {name} is revoked or suspended, or its state is not known here.",
)
_NOT_THEN = (
    "{name} không có hiệu lực hoặc không được tin cậy suốt từ khi lập bản xuất đến nay.",
    "{name} was not valid and trusted from when the export was made until now.",
)
_NO_ROOT = (
    "{name} không dẫn đến CA gốc nào trong danh sách hiện hành.",
    "{name} leads to no root of the list in force.",
)


def _refused(vi: str, en: str, name: str) -> Problem:
    return Problem("TRU-4222", vi=vi.format(name=name), en=en.format(name=name))


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
