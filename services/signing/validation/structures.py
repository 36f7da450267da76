"""ASN.1 structures of CMS (RFC 5652), ESS (RFC 5035) and time stamps (RFC 3161), strict DER.

`cryptography` decodes them (Rust): whatever is not DER, or not this structure, is refused.
"""

from typing import Annotated, TypeAlias

from cryptography import x509
from cryptography.hazmat import asn1

Oid: TypeAlias = x509.ObjectIdentifier


@asn1.sequence
class Plain:
    """AlgorithmIdentifier without parameters, or with NULL (RFC 5280 4.1.1.2)."""

    algorithm: Oid
    parameters: asn1.Null | None


@asn1.sequence
class MaskGeneration:
    """MGF1 with its digest (RFC 4055 3.1)."""

    algorithm: Oid
    parameters: Plain


@asn1.sequence
class PssParameters:
    """RSASSA-PSS-params (RFC 4055 3.1); the defaults (SHA-1) are not among what we accept."""

    digest: Annotated[Plain | None, asn1.Explicit(0)]
    mask: Annotated[MaskGeneration | None, asn1.Explicit(1)]
    salt: Annotated[int, asn1.Default(20), asn1.Explicit(2)]
    trailer: Annotated[int, asn1.Default(1), asn1.Explicit(3)]


@asn1.sequence
class SignatureAlgorithm:
    """AlgorithmIdentifier of a signature."""

    algorithm: Oid
    parameters: asn1.Null | PssParameters | None


@asn1.sequence
class Attribute:
    """One attribute with its values."""

    kind: Oid
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class IssuerAndSerial:
    """The signer by issuer and serial number."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class SignerInfo:
    """SignerInfo (RFC 5652 5.3)."""

    version: int
    signer: IssuerAndSerial | Annotated[bytes, asn1.Implicit(0)]
    digest: Plain
    signed: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(0)]
    algorithm: SignatureAlgorithm
    value: bytes
    unsigned: Annotated[asn1.SetOf[Attribute] | None, asn1.Implicit(1)]


@asn1.sequence
class Encapsulated:
    """EncapsulatedContentInfo (RFC 5652 5.2)."""

    kind: Oid
    content: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """SignedData (RFC 5652 5.1)."""

    version: int
    digests: asn1.SetOf[Plain]
    content: Encapsulated
    certificates: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(0)]
    revocations: Annotated[asn1.SetOf[asn1.TLV] | None, asn1.Implicit(1)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class ContentInfo:
    """ContentInfo with SignedData (RFC 5652 3)."""

    kind: Oid
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class AlgorithmProtection:
    """CMSAlgorithmProtection (RFC 6211 2) of a signature."""

    digest: Plain
    signature: Annotated[SignatureAlgorithm | None, asn1.Implicit(1)]


@asn1.sequence
class IssuerSerial:
    """IssuerSerial (RFC 5035 5): the names are read no further, the digest says which it is."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class CertificateIdV2:
    """ESSCertIDv2 (RFC 5035 4); without a digest algorithm it is SHA-256."""

    algorithm: Plain | None
    digest: bytes
    issuer: IssuerSerial | None


@asn1.sequence
class SigningCertificateV2:
    """SigningCertificateV2 (RFC 5035 3)."""

    certificates: list[CertificateIdV2]
    policies: list[asn1.TLV] | None


@asn1.sequence
class CertificateId:
    """ESSCertID (RFC 2634 5.4): SHA-1."""

    digest: bytes
    issuer: IssuerSerial | None


@asn1.sequence
class SigningCertificate:
    """SigningCertificate (RFC 2634 5.4), as time stamps still have it (RFC 5816 2.2.1)."""

    certificates: list[CertificateId]
    policies: list[asn1.TLV] | None


@asn1.sequence
class Imprint:
    """MessageImprint (RFC 3161 2.4.1)."""

    digest: Plain
    value: bytes


@asn1.sequence
class Accuracy:
    """Accuracy (RFC 3161 2.4.2)."""

    seconds: int | None
    milliseconds: Annotated[int | None, asn1.Implicit(0)]
    microseconds: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class Extension:
    """Extension (RFC 5280 4.1)."""

    kind: Oid
    critical: Annotated[bool, asn1.Default(value=False)]
    value: bytes


@asn1.sequence
class TimeStampInfo:
    """TSTInfo (RFC 3161 2.4.2); the name of the authority is read no further."""

    version: int
    policy: Oid
    imprint: Imprint
    serial: int
    made_at: asn1.GeneralizedTime
    accuracy: Accuracy | None
    ordering: Annotated[bool, asn1.Default(value=False)]
    nonce: int | None
    authority: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]
    extensions: Annotated[list[Extension] | None, asn1.Implicit(1)]


@asn1.sequence
class TbsCertificate:
    """TBSCertificate (RFC 5280 4.1): for the names as they are written."""

    version: Annotated[int, asn1.Default(0), asn1.Explicit(0)]
    serial: int
    signature: asn1.TLV
    issuer: asn1.TLV
    validity: asn1.TLV
    subject: asn1.TLV
    key: asn1.TLV
    issuer_id: Annotated[asn1.BitString | None, asn1.Implicit(1)]
    subject_id: Annotated[asn1.BitString | None, asn1.Implicit(2)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(3)]


@asn1.sequence
class Certificate:
    """Certificate (RFC 5280 4.1)."""

    body: TbsCertificate
    algorithm: asn1.TLV
    signature: asn1.BitString


@asn1.sequence
class Signed:
    """A certificate (RFC 5280 4.1) or BasicOCSPResponse (RFC 6960 4.2.1): how it was signed."""

    body: asn1.TLV
    algorithm: SignatureAlgorithm
    signature: asn1.BitString
    certificates: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


@asn1.sequence
class RevokedEntry:
    """An entry of a revocation list (RFC 5280 5.1)."""

    serial: int
    revoked_at: asn1.UTCTime | asn1.GeneralizedTime
    extensions: list[Extension] | None


@asn1.sequence
class TbsRevocationList:
    """TBSCertList (RFC 5280 5.1)."""

    version: int | None
    signature: asn1.TLV
    issuer: asn1.TLV
    this_update: asn1.UTCTime | asn1.GeneralizedTime
    next_update: asn1.UTCTime | asn1.GeneralizedTime | None
    revoked: list[RevokedEntry] | None
    extensions: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]


@asn1.sequence
class Sequences:
    """A SEQUENCE OF anything, in one of its own: so it can be decoded by itself."""

    items: list[asn1.TLV]


@asn1.sequence
class RevocationValues:
    """RevocationValues (EN 319 122-1 A.1.2.2) or RevocationInfoArchival (Adobe)."""

    lists: Annotated[list[asn1.TLV] | None, asn1.Explicit(0)]
    answers: Annotated[list[asn1.TLV] | None, asn1.Explicit(1)]


@asn1.sequence
class OtherRevocation:
    """OtherRevocationInfoFormat (RFC 5652 10.2.1)."""

    kind: Oid
    value: asn1.TLV


_SHORT = 0x80


def element(tag: bytes, body: bytes) -> bytes:
    """Return a DER element."""
    size = len(body)
    if size < _SHORT:
        return tag + bytes((size,)) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes((_SHORT | len(digits),)) + digits + body


def encoded(value: asn1.TLV) -> bytes:
    """Return an element that was left undecoded, byte for byte: DER has but one way."""
    return element(value.tag_bytes, bytes(value.data))
