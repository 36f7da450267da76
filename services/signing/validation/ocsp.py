"""What OCSP responses say of a certificate (RFC 6960 3.2, 4.2.2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from services.signing.validation.algorithms import (
    PSS,
    SIGNATURES,
    Key,
    Scheme,
    certificate_scheme,
    is_right,
    key_of,
    salted,
)
from services.signing.validation.extensions import extension
from services.signing.validation.failures import UNREAD
from services.signing.validation.indication import Refused
from services.signing.validation.material import digest
from services.signing.validation.revocation import (
    Accepts,
    RevocationList,
    Status,
    Unusable,
)
from services.signing.validation.structures import Oid

_KNOWN = frozenset(
    (
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.OCSP_NO_CHECK,
    )
)
"""Critical extensions of a responder's certificate that are understood here."""


@asn1.sequence
class _Content:
    """ResponseBytes (RFC 6960 4.2.1)."""

    kind: Oid
    content: bytes


@asn1.sequence
class _Response:
    """OCSPResponse (RFC 6960 4.2.1)."""

    status: asn1.TLV
    given: Annotated[_Content, asn1.Explicit(0)]


@dataclass(frozen=True, slots=True)
class Answering:
    """An authority whose certificates are asked about."""

    certificate: x509.Certificate
    key: Key
    lists: Sequence[RevocationList]
    oldest: timedelta
    """For how long after it was issued a list speaks for a responder."""

    def believes(self, one: x509.Certificate, at: datetime) -> bool:
        """Say whether it is known of a responder that it was not revoked when it spoke.

        Its issuer says that nobody has to ask, or does not name it in a list that was fresh then
        (RFC 6960 4.2.2.2.1). Revoked by any list, it is not heard at all.
        """
        said = [status for known in self.lists if (status := _said(known, one)) is not None]
        if any(status.revoked_at is not None for status in said):
            return False
        unasked = extension(one.extensions, x509.OCSPNoCheck) is not None
        return unasked or any(self._is_fresh(status, one, at) for status in said)

    def _is_fresh(self, status: Status, one: x509.Certificate, at: datetime) -> bool:
        issued = status.this_update
        if issued >= at:
            return status.tells_of(one)
        lasts = status.next_update is not None and at < status.next_update
        return lasts and at - issued <= self.oldest


def _said(known: RevocationList, one: x509.Certificate) -> Status | None:
    try:
        return known.says(one)
    except Unusable:
        return None


def answer(der: bytes, one: x509.Certificate, issuer: Answering, accepts: Accepts) -> Status | None:
    """Return what an OCSP response says of a certificate; None when not a word. Raises Unusable."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return None
        singles = list(response.responses)
        found = [single for single in singles if _is_about(single, one, issuer.certificate)]
        if not found:
            return None
        if len(singles) > 1:  # of several the library does not show the extensions
            raise Unusable("an answer about several certificates")
        if any(each.critical for each in (*response.extensions, *response.single_extensions)):
            raise Unusable("a critical extension")
        if response.this_update_utc > response.produced_at_utc:
            # Whether the responder may speak is judged when it spoke: it cannot choose that freely.
            raise Unusable("an answer that was given before it was right (RFC 6960 2.4)")
        _check_responder(response, issuer, accepts, how=_response_scheme(response, der))
        return _status(der, found[0])
    except (*UNREAD, Refused) as error:
        raise Unusable(str(error)) from None


def _is_about(
    single: ocsp.OCSPSingleResponse, one: x509.Certificate, issuer: x509.Certificate
) -> bool:
    if single.serial_number != one.serial_number:
        return False
    asking = ocsp.OCSPRequestBuilder().add_certificate(one, issuer, single.hash_algorithm).build()
    names = (asking.issuer_name_hash, asking.issuer_key_hash)
    return (single.issuer_name_hash, single.issuer_key_hash) == names


def _check_responder(
    response: ocsp.OCSPResponse, issuer: Answering, accepts: Accepts, *, how: Scheme
) -> None:
    """Check that the issuer, or whom it delegated, has signed (RFC 6960 4.2.2.2)."""
    content, value = response.tbs_response_bytes, response.signature
    if is_right(issuer.key, value, content, how) and accepts(
        how, issuer.key, response.produced_at_utc
    ):
        return
    for one in response.certificates:
        if _is_delegated(one, issuer, accepts, response.produced_at_utc):
            theirs = key_of(one)
            right = is_right(theirs, value, content, how)
            if right and accepts(how, theirs, response.produced_at_utc):
                return
    raise Unusable("nobody who may has signed it")


def _is_delegated(one: x509.Certificate, issuer: Answering, accepts: Accepts, at: datetime) -> bool:
    if not _is_responder(one):
        return False
    how = certificate_scheme(one)
    if how.algorithm == PSS:
        how = salted(one.public_bytes(Encoding.DER))
    return (
        one.issuer == issuer.certificate.subject
        and one.not_valid_before_utc <= at <= one.not_valid_after_utc
        and accepts(how, issuer.key, at)
        and is_right(issuer.key, one.signature, one.tbs_certificate_bytes, how)
        and issuer.believes(one, at)
    )


def _is_responder(one: x509.Certificate) -> bool:
    """Say whether a certificate is for answers, by what it says (RFC 5280 4.2.1.3, 4.2.1.12)."""
    try:
        purposes = extension(one.extensions, x509.ExtendedKeyUsage)
        usage = extension(one.extensions, x509.KeyUsage)
    except UNREAD:
        return False
    signs = usage is None or usage.digital_signature or usage.content_commitment
    named = purposes is not None and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
    known = all(each.oid in _KNOWN for each in one.extensions if each.critical)
    return signs and named and known


def _response_scheme(response: ocsp.OCSPResponse, der: bytes) -> Scheme:
    identifier = response.signature_algorithm_oid.dotted_string
    if identifier not in SIGNATURES:
        raise Unusable(f"algorithm {identifier}")
    algorithm, named = SIGNATURES[identifier]
    if algorithm == PSS:
        return salted(asn1.decode_der(_Response, der).given.content)
    hashing = response.signature_hash_algorithm
    return Scheme(algorithm, named or (hashing.name if hashing else "unknown"))


def _status(der: bytes, one: ocsp.OCSPSingleResponse) -> Status:
    if one.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise Unusable("the responder does not know the certificate")
    reason = one.revocation_reason
    return Status(
        source="ocsp",
        material=digest(der),
        this_update=one.this_update_utc,
        next_update=one.next_update_utc,
        revoked_at=one.revocation_time_utc,
        stated=reason.value if reason else None,
        expired_since=None,
    )
