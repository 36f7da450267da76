"""One CMS signature, read strictly: every byte of it is signed, or has but one possible value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from cryptography import x509
from cryptography.hazmat import asn1

from services.signing.finding import UNREADABLE
from services.signing.validation.algorithms import DIGESTS, Scheme, digest_of, hashed, scheme
from services.signing.validation.brought import TIME_STAMP, UNSIGNED, brought, has_other_revocations
from services.signing.validation.failures import UNREAD
from services.signing.validation.indication import Refused, refused
from services.signing.validation.policy import Policy
from services.signing.validation.structures import (
    AlgorithmProtection,
    Attribute,
    Certificate,
    ContentInfo,
    IssuerAndSerial,
    IssuerSerial,
    SignedData,
    SignerInfo,
    SigningCertificate,
    SigningCertificateV2,
    element,
    encoded,
)

_T = TypeVar("_T")
DATA = "1.2.840.113549.1.7.1"
TIME_STAMP_INFO = "1.2.840.113549.1.9.16.1.4"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_PROTECTION = "1.2.840.113549.1.9.52"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature as it stands in a file, none of it trusted yet."""

    certificate: bytes
    """The signer's (DER)."""
    others: tuple[bytes, ...]
    """What else stands in the bag of certificates: it has to be listed authorities'."""
    how: Scheme
    attributes: bytes
    """The signed attributes as they were signed (DER of the SET OF)."""
    message_digest: bytes
    value: bytes
    content: bytes | None
    """What is signed, when it stands in the CMS itself (time stamps)."""
    stamps: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    """Revocation lists and OCSP responses that the file brings."""


def read(der: bytes, policy: Policy, *, kind: str) -> Signed:
    """Read a detached signature (DATA), or a time stamp (TIME_STAMP_INFO). Raises Refused."""
    try:
        info = asn1.decode_der(ContentInfo, der)
    except ValueError as error:
        raise _malformed(f"not the DER of a signature: {type(error).__name__}") from None
    signed, signer = _only_signer(info, kind)
    digest = digest_of(signer.digest.algorithm.dotted_string)
    how = scheme(signer.algorithm, digest)
    if how is None:
        raise _malformed("the algorithms contradict each other")
    attributes = _by_kind(signer.signed)
    unsigned = _by_kind(signer.unsigned)
    beside = brought(signed, attributes, unsigned, policy.page.limits.heavy)
    certificate = _signers(signer, beside.certificates)
    _check_attributes(attributes, unsigned, kind, signer)
    _check_named(attributes, certificate, stamp=kind == TIME_STAMP_INFO)
    bag = (*beside.certificates, *beside.more_certificates)
    return Signed(
        certificate=certificate,
        others=tuple(one for one in bag if one != certificate),
        how=how,
        attributes=asn1.encode_der(signer.signed),
        message_digest=_one(attributes, _MESSAGE_DIGEST, bytes),
        value=signer.value,
        content=signed.content.content,
        stamps=beside.stamps,
        lists=beside.lists,
        answers=beside.answers,
    )


def _only_signer(info: ContentInfo, kind: str) -> tuple[SignedData, SignerInfo]:
    signed = info.content
    signers = signed.signers.as_list()
    if info.kind.dotted_string != _SIGNED_DATA or signed.content.kind.dotted_string != kind:
        raise _malformed("another kind of content")
    if (signed.content.content is None) == (kind == TIME_STAMP_INFO):
        raise _malformed("signed content where it does not belong, or none where it does")
    if len(signers) != 1:
        raise _malformed(f"{len(signers)} signers")
    signer = signers[0]
    if (signer.version, signed.version) != _versions(signed, signer, kind):
        raise _malformed("version of the signer, or of the signature")
    digests = [asn1.encode_der(one) for one in signed.digests.as_list()]
    if digests != [asn1.encode_der(signer.digest)]:
        raise _malformed("digest algorithms that are not the signer's")
    return signed, signer


def _versions(signed: SignedData, signer: SignerInfo, kind: str) -> tuple[int, int]:
    """Return the versions that signer and signature must have (RFC 5652 5.3, 5.1)."""
    by_key = isinstance(signer.signer, bytes)
    plain = 3 if by_key or kind != DATA else 1
    return (3 if by_key else 1), (5 if has_other_revocations(signed) else plain)


def _signers(signer: SignerInfo, bag: Sequence[bytes]) -> bytes:
    """Return the signer's certificate: exactly one of the bag is named. Raises Refused."""
    found = [der for der in bag if _is_named(signer.signer, der)]
    if not found:
        raise refused(
            "NO_SIGNING_CERTIFICATE_FOUND",
            "signer.named",
            UNREADABLE,
            "the signer's certificate is not in the signature",
        )
    if len(found) > 1 or len(set(bag)) != len(bag):
        raise _malformed("a certificate twice")
    return found[0]


def _is_named(signer: IssuerAndSerial | bytes, der: bytes) -> bool:
    try:
        body = asn1.decode_der(Certificate, der).body
        if isinstance(signer, IssuerAndSerial):
            return body.serial == signer.serial and encoded(body.issuer) == encoded(signer.issuer)
        extensions = x509.load_der_x509_certificate(der).extensions
        identifier = extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (*UNREAD, x509.ExtensionNotFound):
        return False
    return identifier.value.digest == signer


def _by_kind(attributes: asn1.SetOf[Attribute] | None) -> dict[str, list[asn1.TLV]]:
    """Return attributes' values. Raises Refused for one that is there twice (RFC 5652 5.3).

    Only time stamps may be several (EN 319 122-1 5.3).
    """
    found: dict[str, list[asn1.TLV]] = {}
    for one in attributes.as_list() if attributes else ():
        kind, values = one.kind.dotted_string, one.values.as_list()
        if not values or (kind in found and kind != TIME_STAMP):
            raise _malformed("an attribute twice, or without a value")
        found.setdefault(kind, []).extend(values)
    return found


def _one(attributes: dict[str, list[asn1.TLV]], kind: str, of: type[_T]) -> _T:
    """Return the only value of an attribute. Raises Refused."""
    values = attributes.get(kind, [])
    if len(values) != 1:
        raise _malformed(f"{len(values)} values of attribute {kind}")
    try:
        return cast("_T", values[0].parse(of))  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise _malformed(f"attribute {kind} cannot be read") from None


def _check_attributes(
    attributes: dict[str, list[asn1.TLV]],
    unsigned: dict[str, list[asn1.TLV]],
    kind: str,
    signer: SignerInfo,
) -> None:
    if not attributes:
        raise _malformed("no signed attributes")
    if _one(attributes, _CONTENT_TYPE, x509.ObjectIdentifier).dotted_string != kind:
        raise _malformed("another content type was signed")
    if not unsigned.keys() <= UNSIGNED:
        raise _malformed("an unsigned attribute that is none of the archive's")
    if _PROTECTION in attributes:  # RFC 6211 3
        protected = _one(attributes, _PROTECTION, AlgorithmProtection)
        alike = protected.signature is not None and (
            asn1.encode_der(protected.digest) == asn1.encode_der(signer.digest)
            and asn1.encode_der(protected.signature) == asn1.encode_der(signer.algorithm)
        )
        if not alike:
            raise _malformed("other algorithms were signed")


_WEAK = frozenset(("md5", "sha1", "sha224"))
"""Digests that name no certificate: another one of the same digest could be made."""


def _check_named(attributes: dict[str, list[asn1.TLV]], certificate: bytes, *, stamp: bool) -> None:
    """Check that the certificate was signed too (RFC 5035 3). Raises Refused."""
    named: list[bool] = []
    try:
        if _SIGNING_CERTIFICATE_V2 in attributes:
            v2 = _one(attributes, _SIGNING_CERTIFICATE_V2, SigningCertificateV2).certificates[0]
            digest = DIGESTS[v2.algorithm.algorithm.dotted_string] if v2.algorithm else "sha256"
            right = digest not in _WEAK and hashed(certificate, digest) == v2.digest
            named.append(right and _is_issuer(v2.issuer, certificate))
        if stamp and _SIGNING_CERTIFICATE in attributes:
            v1 = _one(attributes, _SIGNING_CERTIFICATE, SigningCertificate).certificates[0]
            right = hashed(certificate, "sha1") == v1.digest
            named.append(right and _is_issuer(v1.issuer, certificate))
    except (Refused, KeyError, IndexError):
        named = []
    if not named or not all(named):
        raise refused(
            "NO_SIGNING_CERTIFICATE_FOUND",
            "signer.named",
            UNREADABLE,
            "the signature does not name this certificate",
        )


def _is_issuer(named: IssuerSerial | None, certificate: bytes) -> bool:
    """Say whether issuer and serial number, where they are named too, are the certificate's."""
    if named is None:
        return True
    body = asn1.decode_der(Certificate, certificate).body
    directory_name = element(b"\xa4", encoded(body.issuer))
    return named.serial == body.serial and bytes(named.issuer.data) == directory_name


def _malformed(detail: str) -> Refused:
    return refused("FORMAT_FAILURE", "format.cms", UNREADABLE, detail)
