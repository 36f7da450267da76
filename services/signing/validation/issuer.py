"""A listed authority, read: its key, and the revocation lists of all that bear its name and key."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from cryptography import x509

from services.signing.certificate import authority_key
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


def sharing(issuers: Sequence[Issuer]) -> Iterator[Issuer]:
    """Yield authorities, each with the lists of all that are the same issuer.

    An authority that renewed its certificate is listed twice, and a certificate that it revoked
    stands in whichever list is newer.
    """
    keys = [authority_key(one.listed.der) for one in issuers]
    lists: dict[str, tuple[RevocationList, ...]] = {}
    for key, one in zip(keys, issuers, strict=True):
        lists[key] = (*lists.get(key, ()), *one.own)
    for key, one in zip(keys, issuers, strict=True):
        yield replace(one, lists=lists[key])


def has_issued(issuer: Issuer, below: x509.Certificate) -> bool:
    """Say whether a certificate was signed by an authority. Raises what the library raises."""
    how = certificate_scheme(below)
    if how.algorithm != "rsassa_pss":  # the library knows its parameters, and no weak digests
        return is_right(issuer.key, below.signature, below.tbs_certificate_bytes, how)
    below.verify_directly_issued_by(issuer.certificate)
    return True
