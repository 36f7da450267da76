"""Judges a file as a third party can: by an exported trust list, its root and revocation lists."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from services.signing.again import Repeated, anchors, validated
from services.signing.evidence import Incomplete
from services.signing.export import Export, verified
from services.signing.reading import authority
from services.signing.trustlist import AuthorityTerms, Entry, after
from services.signing.validation.failures import UNFIT
from services.signing.validation.material import Authority, Listed, Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Status, Unusable
from services.signing.validation.trust import Trust
from services.signing.verdict import found
from shared.errors import Problem

_PEM = b"-----BEGIN "
_ROOT = "root"
_Piece = x509.Certificate | x509.CertificateRevocationList


def certificate(content: bytes) -> bytes:
    """Return a root's certificate as DER, whichever it was given as. Raises Incomplete."""
    return _der(content, "the root", x509.load_pem_x509_certificate)


def told(export: bytes, root: bytes, lists: Iterable[bytes], at: datetime) -> Export:
    """Return what an export of the trust list says.

    `root` is the certificate below which it was signed, obtained some other way; its newest list
    says that the signer is not revoked, and one is of the moment that is judged. Raises Incomplete
    for an export that nobody below the root may have signed.
    """
    compact = export.decode("ascii", "replace").strip()
    return _export(compact, certificate(root), lists, at)


def material(export: Export, lists: Mapping[str, bytes], answers: Mapping[str, bytes]) -> Material:
    """Return what a file is judged with: an export of the trust list, lists and answers by name.

    Raises Incomplete for data of none of its authorities.
    """
    trusted = [after({}, one, export.version)[one.name].authority() for one in export.authorities]
    return Material(
        policy=NEWEST.read_bytes(),
        authorities=tuple(trusted),
        lists=tuple(
            one for name, content in lists.items() for one in _listed(name, content, trusted)
        ),
        answers=tuple(_answer(name, content) for name, content in answers.items()),
    )


def judge(content: bytes, signature: bytes | None, given: Material, at: datetime) -> Repeated:
    """Judge a file by its signatures alone: whose they are stands in the exchange's register.

    Raises Unreadable for what no library can read to its end.
    """
    trust = Trust(given)
    finding = validated(content, signature, trust, at)
    return Repeated(found(finding), finding, trust.policy, anchors(given, finding), ())


def _export(compact: str, root: bytes, lists: Iterable[bytes], at: datetime) -> Export:
    """Return an export that an authority directly below a root has signed while it was valid."""
    try:
        signer = base64.b64decode(str(jwt.get_unverified_header(compact)["x5c"][0]), validate=True)
        trust = _only(root, lists)
        facts = authority(signer, trust, at)
        terms = AuthorityTerms.model_validate(
            {"trusted_from": facts.not_before, "purposes": ["protocol"]}
        )
        entry = Entry("signer", signer, False, terms, 0)
        export = verified(compact, {"signer": entry}, until=facts.not_after)
    except Problem as problem:
        raise Incomplete(f"the trust list: {problem.en}") from None
    except (jwt.PyJWTError, Unusable, *UNFIT) as error:
        raise Incomplete(f"the trust list: no export of one ({error})") from None
    if facts.issued_by != _ROOT or facts.objection:
        raise Incomplete(f"the trust list: {facts.objection or 'its signer is of another root'}")
    if not facts.not_before <= export.made_at <= facts.not_after:
        raise Incomplete("the trust list: its signer was not valid when it was made")
    _check_revocation(trust.chain(signer).links[0].statuses, at + trust.policy.clocks_apart)
    return export


def _check_revocation(known: Sequence[Status], at: datetime) -> None:
    """Check that the signer of an export is not revoked, and that this is known of a moment.

    What the newest list says counts, also of a moment before it: who has the key of an authority
    that was revoked later can sign an export of any day. Raises Incomplete.
    """
    if not known:
        raise Incomplete("the trust list: give the root's revocation list, too (--crl)")
    if max(known, key=lambda one: one.this_update).revoked_at is not None:
        raise Incomplete("the trust list: its signer is revoked")
    if not any(one.next_update and one.this_update <= at < one.next_update for one in known):
        raise Incomplete("the trust list: the root's list is not of that time (--crl)")


def _only(root: bytes, lists: Iterable[bytes]) -> Trust:
    always = datetime.min.replace(tzinfo=UTC)
    listed = Authority(_ROOT, root, True, always, None, ("authority",))
    its_own = tuple(Listed(_ROOT, _der(one, "a list", x509.load_pem_x509_crl)) for one in lists)
    return Trust(Material(NEWEST.read_bytes(), (listed,), its_own))


def _listed(name: str, content: bytes, trusted: Iterable[Authority]) -> list[Listed]:
    """Return a revocation list with its authority; several may have the same name."""
    der = _der(content, name, x509.load_pem_x509_crl)
    try:
        issuer = x509.load_der_x509_crl(der).issuer
        of = [one for one in trusted if x509.load_der_x509_certificate(one.der).subject == issuer]
    except UNFIT:
        raise Incomplete(f"{name}: no revocation list") from None
    if not of:
        raise Incomplete(f"{name}: of no authority of the trust list")
    return [Listed(one.name, der) for one in of]


def _answer(name: str, content: bytes) -> bytes:
    try:
        ocsp.load_der_ocsp_response(content)
    except UNFIT:
        raise Incomplete(f"{name}: no OCSP response") from None
    return content


def _der(content: bytes, name: str, read_pem: Callable[[bytes], _Piece]) -> bytes:
    """Return a certificate or a list as DER, whichever it was given as."""
    if not content.startswith(_PEM):
        return content
    try:
        return read_pem(content).public_bytes(Encoding.DER)
    except UNFIT:
        raise Incomplete(f"{name}: PEM that cannot be read") from None
