"""What revocation lists say of a certificate (RFC 5280 6.3)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtensionOID

from services.signing.validation.algorithms import (
    Key,
    Scheme,
    certificate_scheme,
)
from services.signing.validation.extensions import extension, is_authority
from services.signing.validation.failures import UNREAD
from services.signing.validation.indication import Refused
from services.signing.validation.material import digest
from services.signing.validation.policy import Policy
from services.signing.validation.structures import TbsRevocationList

HOLD = "certificateHold"
_UNSPECIFIED = "unspecified"
_EXPIRED_ON_LIST = "2.5.29.60"
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string,
        ExtensionOID.CRL_NUMBER.dotted_string,
        ExtensionOID.ISSUING_DISTRIBUTION_POINT.dotted_string,
        _EXPIRED_ON_LIST,
    }
)
_UNDERSTOOD_IN_ENTRIES = frozenset({"2.5.29.21", "2.5.29.24"})  # reason, invalidity date
_GENERALIZED_TIME = 0x18
_MOST_NUMBER = 1 << 63
Extensions: TypeAlias = Sequence[x509.Extension[x509.ExtensionType]]
Accepts: TypeAlias = Callable[[Scheme, Key, datetime], bool]
"""Whether the policy accepts a signature by this key at this time."""


@dataclass(frozen=True, slots=True)
class Status:
    """What one piece of revocation data says of one certificate."""

    source: Literal["crl", "ocsp"]
    material: str
    """SHA-256 of the list or the response."""
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None
    """Also the date from which on the key is distrusted, when that is earlier."""
    stated: str | None
    """The reason, where one stands there."""
    expired_since: datetime | None
    """Certificates that expired before this are no longer told of; None: all expired ones."""

    @property
    def reason(self) -> str | None:
        """Return why it is revoked (RFC 5280 5.3.1); None: it is not."""
        return None if self.revoked_at is None else self.stated or _UNSPECIFIED

    def retired(self, policy: Policy) -> bool:
        """Say whether it is revoked for a stated reason for which its key is still its own."""
        return self.revoked_at is not None and policy.retires(self.stated)

    @property
    def on_hold(self) -> bool:
        """Say whether the certificate is suspended, which may end."""
        return self.revoked_at is not None and self.stated == HOLD

    def tells_of(self, one: x509.Certificate) -> bool:
        """Say whether it still tells of a certificate that may have ended (X.509 9.5.2.8)."""
        ends = one.not_valid_after_utc
        if self.revoked_at is not None or self.this_update <= ends:
            return True
        return self.expired_since is not None and self.expired_since <= ends


class Unusable(ValueError):  # noqa: N818 (what the data is)
    """Revocation data that is not this issuer's, or says something that is not understood."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list whose signature is its issuer's, indexed by serial number."""

    material: str
    index: x509.CertificateRevocationList
    number: int
    """Of lists that have none, or one beyond 63 bits: the seconds of `this_update`."""
    this_update: datetime
    next_update: datetime | None
    expired_since: datetime | None
    only: Literal["users", "authorities"] | None
    """For which certificates it speaks (issuing distribution point)."""
    names: frozenset[str]
    """The addresses that it is one part for; empty: it is the whole list."""

    @classmethod
    def read(
        cls, der: bytes, issuer: x509.Certificate, key: Key, accepts: Accepts
    ) -> "RevocationList":
        """Read a complete, direct list of this issuer. Raises Unusable."""
        try:
            index = x509.load_der_x509_crl(der)
            how = certificate_scheme(index)
            extensions = list(index.extensions)
        except (*UNREAD, Refused) as error:
            raise Unusable(type(error).__name__) from None
        if index.issuer != issuer.subject:
            raise Unusable("another issuer's")
        if not accepts(how, key, index.last_update_utc) or not index.is_signature_valid(key):
            raise Unusable("not signed by the issuer, or too weakly")
        _check_issuer(issuer)
        _check_entries(index.tbs_certlist_bytes)
        return cls(
            material=digest(der),
            index=index,
            number=_number(extensions, index.last_update_utc),
            this_update=index.last_update_utc,
            next_update=index.next_update_utc,
            expired_since=_expired_since(extensions),
            only=_scope(extensions),
            names=_names(extensions),
        )

    @property
    def whole(self) -> bool:
        """Say whether it speaks of all certificates of its issuer."""
        return self.only is None and not self.names

    def says(self, one: x509.Certificate) -> Status | None:
        """Return what the list says of its issuer's certificate; None: it is not for it."""
        if self.only is not None and is_authority(one) != (self.only == "authorities"):
            return None  # RFC 5280 6.3.3 (b) (2) (ii), (iii)
        if self.names and self.names.isdisjoint(_points(one)):
            return None  # RFC 5280 6.3.3 (b) (2) (i): a list in parts, and another part of it
        entry = self.index.get_revoked_certificate_by_serial_number(one.serial_number)
        revoked_at, stated = _read(entry) if entry else (None, None)
        return Status(
            source="crl",
            material=self.material,
            this_update=self.this_update,
            next_update=self.next_update,
            revoked_at=revoked_at,
            stated=stated,
            expired_since=self.expired_since,
        )


def _check_issuer(issuer: x509.Certificate) -> None:
    """Check that the issuer may sign lists (RFC 5280 6.3.3 (f)). Raises Unusable."""
    usage = extension(issuer.extensions, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        raise Unusable("its issuer is not for lists")


def _check_entries(body: bytes) -> None:
    """Check that no entry says what we do not understand: else no entry counts (RFC 5280 5.3)."""
    try:
        entries = asn1.decode_der(TbsRevocationList, body).revoked or []
    except ValueError:
        raise Unusable("its entries cannot be read") from None
    for entry in entries:
        for one in entry.extensions or ():
            if one.critical and one.kind.dotted_string not in _UNDERSTOOD_IN_ENTRIES:
                raise Unusable("a critical extension of an entry")


def _points(one: x509.Certificate) -> frozenset[str]:
    """Return the addresses at which a certificate says that its list is found."""
    points = extension(one.extensions, x509.CRLDistributionPoints) or ()
    return frozenset(_texts(name for point in points for name in point.full_name or ()))


def _texts(names: Iterable[x509.GeneralName]) -> Iterable[str]:
    return (str(name.value) for name in names)


def _number(extensions: Extensions, this_update: datetime) -> int:
    numbers = [one.value.crl_number for one in extensions if isinstance(one.value, x509.CRLNumber)]
    if numbers and 0 <= numbers[0] < _MOST_NUMBER:
        return numbers[0]
    return int(this_update.timestamp())


def _names(extensions: Extensions) -> frozenset[str]:
    for one in extensions:
        if isinstance(one.value, x509.IssuingDistributionPoint):
            if one.value.relative_name is not None:
                raise Unusable("a part with a relative name")
            return frozenset(_texts(one.value.full_name or ()))
    return frozenset()


def _scope(extensions: Extensions) -> Literal["users", "authorities"] | None:
    """Return for which certificates a list speaks. Raises Unusable."""
    scope: Literal["users", "authorities"] | None = None
    for one in extensions:
        if one.oid == ExtensionOID.DELTA_CRL_INDICATOR:  # critical or not: it is no whole list
            raise Unusable("the changes of a list alone")
        if one.critical and one.oid.dotted_string not in _UNDERSTOOD:
            raise Unusable(f"critical extension {one.oid.dotted_string}")
        if isinstance(one.value, x509.IssuingDistributionPoint):
            point = one.value
            partial = point.only_some_reasons or point.only_contains_attribute_certs
            if point.indirect_crl or partial:
                raise Unusable("an indirect or partial list")
            if point.only_contains_user_certs:
                scope = "users"
            elif point.only_contains_ca_certs:
                scope = "authorities"
    return scope


def _expired_since(extensions: Extensions) -> datetime | None:
    """Return ExpiredCertsOnCRL (ITU-T X.509 9.5.2.8), None without it."""
    for one in extensions:
        if one.oid.dotted_string == _EXPIRED_ON_LIST and isinstance(
            one.value, x509.UnrecognizedExtension
        ):
            raw = one.value.value
            try:
                text = raw[2:].decode("ascii") if raw[0] == _GENERALIZED_TIME else ""
                return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
            except (ValueError, IndexError):
                raise Unusable("ExpiredCertsOnCRL cannot be read") from None
    return None


def entry_of(entry: x509.RevokedCertificate, policy: Policy) -> tuple[datetime, str, bool]:
    """Return from when on, and why, a certificate is revoked, and whether the policy retires it."""
    when, stated = _read(entry)
    return when, stated or _UNSPECIFIED, policy.retires(stated)


def _read(entry: x509.RevokedCertificate) -> tuple[datetime, str | None]:
    """Return from when on, and for which stated reason; none where that cannot be read.

    Revoked it is all the same: its number and date stand outside of what cannot be read.
    """
    when, stated = entry.revocation_date_utc, None
    try:
        for one in entry.extensions:
            if isinstance(one.value, x509.CRLReason):
                stated = one.value.reason.value
            elif isinstance(one.value, x509.InvalidityDate):
                when = min(when, one.value.invalidity_date_utc)
    except UNREAD:
        return when, None
    return when, stated
