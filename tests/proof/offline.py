"""Signatures, receipts and mailbox chains verified by nobody's word: root certificate and bytes."""
# asn1crypto is typed in part only:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.proof.harness import Json

GENESIS = bytes(32)
RECEIPT_SUBJECT = "Liên thông: khóa ký biên nhận"
_RECEIPT_TYPE = "lienthong-receipt+jwt"
_DOMAIN = b"lienthong/mailbox/1"
_RANGE = re.compile(rb"/ByteRange ?\[ ?(\d+) (\d+) (\d+) (\d+) *\]")
REVOKED = "certificate is revoked"
"""What is wrong with a signature whose certificate is on the list of now."""
_SIGNATURES = 2
"""A letter bears its leader's signature and the seal, which comes last."""


class Wrong(Exception):  # noqa: N818 (what was looked at is not as it has to be)
    """Says what is wrong."""


_ODD = (ValueError, TypeError, LookupError, AttributeError, InvalidSignature)
"""What reading bytes that are not as they should be may raise."""


@dataclass(slots=True)
class Trust:
    """What an observer brings: the root; the issuing CA and lists count by its signature only."""

    root: x509.Certificate
    issuing: x509.Certificate
    lists: Mapping[str, x509.CertificateRevocationList]
    """By the name of their authority: `root`, `issuing`."""
    at: datetime
    """The stated time: of that moment are the lists, and at it certificates are judged."""
    _known: dict[bytes, x509.Certificate] = field(default_factory=dict[bytes, x509.Certificate])

    def certificate(self, der: bytes) -> x509.Certificate:
        """Return a certificate that leads to the root and is not revoked. Raises Wrong."""
        if der not in self._known:
            certificate = x509.load_der_x509_certificate(der)
            self._lead(certificate)
            self._known[der] = certificate
        return self._known[der]

    def _lead(self, certificate: x509.Certificate) -> None:
        try:
            certificate.verify_directly_issued_by(self.issuing)
            self.issuing.verify_directly_issued_by(self.root)
        except _ODD as error:
            raise Wrong(f"certificate does not lead to the root: {error!r}") from error
        self._good(self.issuing, "root", "the issuing CA's certificate")
        self._good(certificate, "issuing", "certificate")

    def _good(self, one: x509.Certificate, authority: str, what: str) -> None:
        """Check a certificate's own time, and its number against the fresh list of its issuer."""
        if not one.not_valid_before_utc <= self.at <= one.not_valid_after_utc:
            raise Wrong(f"{what} is not valid now")
        issued = self.lists.get(authority)
        if issued is None or issued.issuer != one.issuer:
            raise Wrong(f"there is no list of {authority}")
        ends = issued.next_update_utc
        if ends is None or not issued.last_update_utc <= self.at <= ends:
            raise Wrong(
                f"the list of {authority} is not of now: {issued.last_update_utc} to {ends}"
            )
        if issued.get_revoked_certificate_by_serial_number(one.serial_number):
            raise Wrong(f"{what} is revoked")


def trust(
    root: bytes, issuing: bytes, lists: Mapping[str, bytes], *, at: datetime | None = None
) -> Trust:
    """Return the trust in a root (PEM) with its CA and lists (DER), as of now or `at`.

    `lists` are by the name of their authority: `root`, `issuing`. Raises Wrong.
    """
    anchor = x509.load_pem_x509_certificate(root)
    below = x509.load_der_x509_certificate(issuing)
    found: dict[str, x509.CertificateRevocationList] = {}
    for name, der in lists.items():
        issued = x509.load_der_x509_crl(der)
        key = (anchor if name == "root" else below).public_key()
        if not issued.is_signature_valid(cast("ec.EllipticCurvePublicKey", key)):
            raise Wrong(f"the list of {name} is not signed by it")
        found[name] = issued
    return Trust(anchor, below, found, at or datetime.now(UTC))


def paper_fault(content: bytes, sender: str, trust: Trust) -> str:
    """Return what is wrong with the signatures of a PDF that `sender` sent; empty: nothing."""
    return _fault(lambda: _paper(content, sender, trust))


def receipt_fault(text: str, expected: Mapping[str, object], trust: Trust) -> str:
    """Return what is wrong with a receipt (JWS, compact) that has to say `expected`."""
    return _fault(lambda: _receipt(text, expected, trust))


def _fault(look: Callable[[], None]) -> str:
    try:
        look()
    except Wrong as wrong:
        return str(wrong)
    except _ODD as error:
        return f"unreadable: {error!r}"
    return ""


def _paper(content: bytes, sender: str, trust: Trust) -> None:
    places = [[int(one) for one in found] for found in _RANGE.findall(content)]
    if len(places) != _SIGNATURES:
        raise Wrong(f"{len(places)} signatures")
    by: list[x509.Certificate] = []
    for start, first, resume, rest in places:
        if start != 0 or content[first : first + 1] + content[resume - 1 : resume] != b"<>":
            raise Wrong("the signed range leaves out something else")
        digest = hashlib.sha256(memoryview(content)[:first])
        digest.update(memoryview(content)[resume : resume + rest])
        value = bytes.fromhex(content[first + 1 : resume - 1].decode())
        by.append(_signed(value, digest.digest(), sender, trust))
    if places[-1][2] + places[-1][3] != len(content):
        raise Wrong("something stands after the last signature")
    _leader_and_seal(*by)


def _leader_and_seal(leader: x509.Certificate, seal: x509.Certificate) -> None:
    """Check that a person has signed and the organisation sealed, each with its own key."""
    for one in (leader, seal):
        uses = one.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        limits = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not uses.content_commitment or limits.ca:
            raise Wrong("signed with a certificate that is not for signing documents")
        if ExtendedKeyUsageOID.EMAIL_PROTECTION not in purposes:
            raise Wrong("signed with a certificate of another purpose")
    if leader.public_key() == seal.public_key():
        raise Wrong("leader and seal are one key")
    if _organisation_s(leader) or not _organisation_s(seal):
        raise Wrong("not a person's signature and then an organisation's seal")


def _organisation_s(one: x509.Certificate) -> bool:
    """Say whether a certificate names an organisation as its holder, and nobody in it."""
    names, organisations = (
        [name.value for name in one.subject.get_attributes_for_oid(kind)]
        for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    )
    return names == organisations


def _signed(der: bytes, digest: bytes, sender: str, trust: Trust) -> x509.Certificate:
    data: Any = cms.ContentInfo.load(der)["content"]
    (info,) = data["signer_infos"]
    attributes = info["signed_attrs"]
    said = {one["type"].native: one["values"][0] for one in attributes}
    if said["message_digest"].native != digest:
        raise Wrong("the bytes are not those that were signed")
    certificate = trust.certificate(data["certificates"][0].dump())
    names = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
    if [one.value for one in names] != [sender]:
        raise Wrong(f"signed by {[one.value for one in names]}, not by {sender}")
    # RFC 5652, 5.4: what is signed is the SET, not the implicit tag that it stands under.
    content, value = b"\x31" + attributes.dump()[1:], info["signature"].native
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(value, content, padding.PKCS1v15(), hashes.SHA256())
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(value, content, ec.ECDSA(hashes.SHA256()))
    else:
        raise Wrong("a key of another kind")
    return certificate


def _receipt(text: str, expected: Mapping[str, object], trust: Trust) -> None:
    head, body, signature = text.split(".")
    header, claims = _object(head), _object(body)
    if header.get("alg") != "ES256" or header.get("typ") != _RECEIPT_TYPE:
        raise Wrong(f"header {header.get('alg')} {header.get('typ')}")
    certificate = trust.certificate(base64.b64decode(header["x5c"][0]))
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if [one.value for one in names] != [RECEIPT_SUBJECT]:
        raise Wrong("not a key that signs receipts")
    raw, key = _bytes(signature), certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or len(raw) != 64:
        raise Wrong("not an ES256 signature")
    half = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    value = utils.encode_dss_signature(*half)
    key.verify(value, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    says = {**claims, "digests": sorted(one["sha256"] for one in claims["files"])}
    says["to"], says["from"] = claims["to"]["code"], claims["from"]["code"]
    wrong = [name for name, value in expected.items() if says.get(name) != value]
    if wrong:
        raise Wrong(f"it says something else about {', '.join(wrong)}")


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _object(part: str) -> Json:
    return json.loads(_bytes(part))


def link(agency: UUID, lane: str, sequence: int, previous: bytes, entry: bytes) -> bytes:
    """Return the hash that an entry must have in its mailbox (protocol.md 5, Clear)."""
    fields = (
        _DOMAIN,
        agency.bytes,
        lane.encode(),
        sequence.to_bytes(8, "big"),
        previous,
        hashlib.sha256(entry).digest(),
    )
    joined = b"".join(len(one).to_bytes(4, "big") + one for one in fields)
    return hashlib.sha256(joined).digest()
