"""Reads what comes from outside of PKIs: certificates to be listed, revocation lists, answers."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509 import ocsp

from services.signing.pipe import (
    AnswerFacts,
    CertificateFacts,
    CertificatesFacts,
    Facts,
    ListFacts,
    Reading,
    Revoked,
)
from services.signing.trustlist import NO_AUTHORITY, NO_ISSUING_KEY, TOO_WEAK
from services.signing.validation.algorithms import (
    certificate_scheme,
    is_right,
    key_of,
    key_term,
    terms,
)
from services.signing.validation.extensions import extension
from services.signing.validation.failures import UNFIT, UNREAD
from services.signing.validation.indication import Refused
from services.signing.validation.material import digest
from services.signing.validation.ocsp import answer
from services.signing.validation.policy import Policy
from services.signing.validation.revocation import RevocationList, Unusable, entry_of
from services.signing.validation.trust import Issuer, Trust
from services.signing.validation.usage import allows


def read(job: Reading, trust: Trust) -> Facts:
    """Return what stands in a piece of a PKI. Raises Unusable, or whatever a parser raises."""
    match job.what:
        case "certificate":
            return authority(job.content, trust, job.at)
        case "certificates":
            return CertificatesFacts(tuple(_readable(one, trust) for one in job.certificates))
        case "units":
            return CertificatesFacts(tuple(_unit(one, trust) for one in job.certificates))
        case "list":
            return _list(job, trust)
        case "answer":
            return _answer(job, trust)


def _readable(der: bytes, trust: Trust) -> CertificateFacts | None:
    try:
        return authority(der, trust)
    except (Unusable, *UNFIT):
        return None


def _unit(der: bytes, trust: Trust) -> CertificateFacts | None:
    """Return what stands in a time-stamping unit's certificate; None for any other."""
    rule = trust.policy.page.certificates.timestamp
    try:
        facts = authority(der, trust)
        issued = any(one.is_for("timestamp") for one in trust.chains(der))
        fits = allows(x509.load_der_x509_certificate(der), rule)
    except (Unusable, Refused, *UNFIT):
        return None
    return facts if issued and fits else None


def authority(der: bytes, trust: Trust, at: datetime | None = None) -> CertificateFacts:
    """Return what stands in a certificate, and why it is no authority's at a moment.

    Raises Unusable for what is no certificate, or whatever a parser raises.
    """
    try:
        one = x509.load_der_x509_certificate(der)
        extensions = one.extensions
        key, how = key_of(one), certificate_scheme(one)
    except UNREAD as error:
        raise Unusable(f"the certificate cannot be read: {type(error).__name__}") from None
    except Refused as why:
        raise Unusable(why.objection.detail) from None
    itself = one.issuer == one.subject
    self_signed = itself and is_right(key, one.signature, one.tbs_certificate_bytes, how)
    issued_by, in_path = (None, "") if self_signed else _issued(der, trust)
    used = (*terms(trust.policy, how), key_term(trust.policy, key))
    weak = [term.name for term in used if term.ends is None or (at and term.ends <= at)]
    constraints = extension(extensions, x509.BasicConstraints)
    flaw = _no_authority(extensions, constraints) or in_path
    return CertificateFacts(
        sha256=digest(der),
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial=f"{one.serial_number:x}",
        not_before=one.not_valid_before_utc,
        not_after=one.not_valid_after_utc,
        key=key_term(trust.policy, key).name,
        signature=f"{how.algorithm} {how.digest}",
        path_length=constraints.path_length if constraints else None,
        self_signed=self_signed,
        issued_by=issued_by,
        objection=f"{TOO_WEAK}{weak[0]}" if weak else flaw,
    )


def _issued(der: bytes, trust: Trust) -> tuple[str | None, str]:
    """Return the listed authority that has issued a certificate, and what speaks against both."""
    try:
        chain = trust.chain(der)
    except Refused as why:
        return None, why.objection.detail
    if not chain.issuers:
        return None, ""
    return chain.issuers[0].listed.name, chain.objection.detail if chain.objection else ""


def _no_authority(extensions: x509.Extensions, constraints: x509.BasicConstraints | None) -> str:
    usage = extension(extensions, x509.KeyUsage)
    if constraints is None or not constraints.ca:
        return NO_AUTHORITY
    if usage is None or not usage.key_cert_sign:
        return NO_ISSUING_KEY
    return ""


def _issuer(job: Reading, trust: Trust) -> Issuer:
    found = trust.issuer(job.authority)
    if found is None:
        raise Unusable(f"{job.authority} is not listed")
    return found


def _list(job: Reading, trust: Trust) -> ListFacts:
    issuer = _issuer(job, trust)
    found = RevocationList.read(job.content, issuer.certificate, issuer.key, trust.accepts)
    return ListFacts(
        number=found.number,
        this_update=found.this_update,
        next_update=found.next_update,
        revoked=tuple(_revoked(found.index, job.serials, trust.policy)),
        only=found.only,
        spoken_of=None if found.whole else tuple(_spoken_of(found, job.certificates)),
        numbered=extension(found.index.extensions, x509.CRLNumber) is not None,
    )


def _spoken_of(known: RevocationList, certificates: Sequence[bytes]) -> Iterator[str]:
    """Yield the serial numbers of which a list with a scope speaks (RFC 5280 6.3.3 (b) (2))."""
    for der in certificates:
        one = x509.load_der_x509_certificate(der)
        if known.says(one) is not None:
            yield f"{one.serial_number:x}"


def _revoked(
    index: x509.CertificateRevocationList, serials: Sequence[str], policy: Policy
) -> list[Revoked]:
    """Look through a list once: the library, too, looks through all of it for one of them."""
    wanted = {int(serial, 16) for serial in serials}
    found: list[Revoked] = []
    for entry in index:
        if entry.serial_number in wanted:
            since, reason, retired = entry_of(entry, policy)
            found.append(Revoked(f"{entry.serial_number:x}", reason, since, retired))
    return found


def _answer(job: Reading, trust: Trust) -> AnswerFacts:
    issuer = _issuer(job, trust)
    if job.certificate is None:
        raise Unusable("an answer to no question")
    about = x509.load_der_x509_certificate(job.certificate)
    said = answer(job.content, about, issuer.answering, trust.accepts)
    if said is None:
        raise Unusable("the answer does not speak of the certificate")
    _check_nonce(job)
    return AnswerFacts(
        said.this_update, said.next_update, said.reason, said.revoked_at, said.retired(trust.policy)
    )


def _check_nonce(job: Reading) -> None:
    """Check that an answer with a nonce has ours; many responders have none (RFC 6960 4.4.1)."""
    for one in ocsp.load_der_ocsp_response(job.content).extensions:
        if isinstance(one.value, x509.OCSPNonce) and one.value.nonce != job.nonce:
            raise Unusable("the answer is to another question")
