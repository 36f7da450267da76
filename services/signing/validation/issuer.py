"""A listed authority, read: its key, and the revocation lists of all that bear its name and key."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from services.signing.validation.algorithms import Key, Term, certificate_scheme, is_right
from services.signing.validation.material import Authority
from services.signing.validation.ocsp import Answering
from services.signing.validation.revocation import RevocationList


@dataclass(frozen=True, slots=True)
class Issuer:
    """A listed authority, read."""

    listed: Authority
    sha256: str
    certificate: x509.Certificate
    key: Key
    terms: tuple[Term, ...]
    own: tuple[RevocationList, ...]
    """The lists under its name in the trust list."""
    lists: tuple[RevocationList, ...]
    """Those, and the lists of other entries with its subject and key."""
    oldest: timedelta
    """For how long after it was issued a list speaks for a responder."""

    @property
    def answering(self) -> Answering:
        """Return it as one that is asked about its certificates."""
        return Answering(self.certificate, self.key, self.lists, self.oldest)

    @property
    def identity(self) -> tuple[bytes, bytes]:
        """Return subject and key: whoever shares both is the same issuer (RFC 5280 6.3.3 b, g)."""
        key = self.key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return self.certificate.subject.public_bytes(), key


def sharing(issuers: Sequence[Issuer]) -> Iterator[Issuer]:
    """Yield authorities, each with the lists of all that are the same issuer.

    An authority that renewed its certificate is listed twice, and a certificate that it revoked
    stands in whichever list is newer.
    """
    lists: dict[tuple[bytes, bytes], tuple[RevocationList, ...]] = {}
    for one in issuers:
        lists[one.identity] = (*lists.get(one.identity, ()), *one.own)
    for one in issuers:
        yield replace(one, lists=lists[one.identity])


def has_issued(issuer: Issuer, below: x509.Certificate) -> bool:
    """Say whether a certificate was signed by an authority. Raises what the library raises."""
    how = certificate_scheme(below)
    if how.algorithm != "rsassa_pss":  # the library knows its parameters, and no weak digests
        return is_right(issuer.key, below.signature, below.tbs_certificate_bytes, how)
    below.verify_directly_issued_by(issuer.certificate)
    return True
