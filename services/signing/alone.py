"""Judges a file as a third party can: by an exported trust list, its root and revocation lists."""

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from services.signing.again import Repeated
from services.signing.evidence import Incomplete
from services.signing.export import Export, verified
from services.signing.reading import authority
from services.signing.trustlist import AuthorityTerms, Entry, after
from services.signing.validation.failures import UNFIT
from services.signing.validation.file import validate
from services.signing.validation.material import Authority, Listed, Material
from services.signing.validation.policy import NEWEST
from services.signing.validation.revocation import Unusable
from services.signing.validation.trust import Trust
from services.signing.verdict import found
from shared.errors import Problem

_PEM = b"-----BEGIN "
_ROOT = "root"
_Piece = x509.Certificate | x509.CertificateRevocationList


class Unreadable(Exception):  # noqa: N818 (what the file is)
    """No library reads the file to its end."""


def material(
    export: bytes,
    root: bytes,
    lists: Mapping[str, bytes],
    answers: Mapping[str, bytes],
    at: datetime,
) -> Material:
    """Return what a file is judged with: an export of the trust list, lists and answers by name.

    `root` is the certificate below which the export was signed, obtained some other way; its list
    says that the signer is not revoked. Raises Incomplete for an export that nobody below it may
    have signed, or data of none of its authorities.
    """
    anchor = _der(root, "the root", x509.load_pem_x509_certificate)
    told = _export(export.decode("ascii", "replace").strip(), anchor, lists.values(), at)
    trusted = [after({}, one, told.version)[one.name].authority() for one in told.authorities]
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
    try:
        finding = validate(content, signature, trust, at)
    except Exception as error:  # noqa: BLE001 (a hostile file may raise anything, as in a worker)
        raise Unreadable(type(error).__name__) from None
    return Repeated(found(finding), finding, trust.policy, ())


def _export(compact: str, root: bytes, lists: Iterable[bytes], at: datetime) -> Export:
    """Return an export that an authority directly below a root has signed while it was valid."""
    try:
        signer = base64.b64decode(str(jwt.get_unverified_header(compact)["x5c"][0]), validate=True)
        trust = _only(root, lists)
        facts = authority(signer, trust, at)
        terms = AuthorityTerms.model_validate(
            {"trusted_from": facts.not_before, "purposes": ["protocol"]}
        )
        told = verified(compact, {"signer": Entry("signer", signer, False, terms, 0)})
    except Problem as problem:
        raise Incomplete(f"the trust list: {problem.en}") from None
    except (jwt.PyJWTError, Unusable, *UNFIT) as error:
        raise Incomplete(f"the trust list: no export of one ({error})") from None
    if facts.issued_by != _ROOT or facts.objection:
        raise Incomplete(f"the trust list: {facts.objection or 'its signer is of another root'}")
    if not facts.not_before <= told.made_at <= facts.not_after:
        raise Incomplete("the trust list: its signer was not valid when it was made")
    known = trust.chain(signer).links[0].statuses
    if not known:
        raise Incomplete("the trust list: give the root's revocation list, too (--crl)")
    if any(one.revoked_at is not None for one in known):
        raise Incomplete("the trust list: its signer is revoked")
    return told


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
