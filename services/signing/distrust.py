"""Why a signer's certificate is not trusted: the exact cause, as a code of the problem table."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import Any

from asn1crypto import x509
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.validation import PdfSignatureStatus
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    DisallowedAlgorithmError,
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathError,
    RevokedError,
    ValidationError,
)

from services.signing.finding import (
    EXPIRED,
    REVOCATION_UNKNOWN,
    REVOKED,
    UNTRUSTED,
    WEAK,
    WRONG_USE,
)

_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
_ALGORITHMS = frozenset({"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"})
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Distrust:
    """A problem with one signature; the detail names no person."""

    code: str
    detail: str


def weakness(signer_info: Any, certificate: x509.Certificate) -> Distrust | None:  # noqa: ANN401
    """Return what is too weak about a signature, if anything."""
    digest = str(signer_info["digest_algorithm"]["algorithm"].native).lower()
    if digest not in _DIGESTS:
        return Distrust(WEAK, f"digest {digest}")
    algorithm = signer_info["signature_algorithm"].signature_algo
    if algorithm not in _ALGORITHMS:
        return Distrust(WEAK, f"algorithm {algorithm}")
    key = certificate.public_key
    if key.algorithm == "rsa":
        weak = key.bit_size < _RSA_BITS
        return Distrust(WEAK, f"rsa {key.bit_size}") if weak else None
    if key.algorithm == "ec" and key.curve == ("named", key.curve[1]) and key.curve[1] in _CURVES:
        return None
    return Distrust(WEAK, f"key {key.algorithm}")


async def cause(status: PdfSignatureStatus, context: ValidationContext) -> Distrust | None:
    """Return why the signer is not trusted, None when it is.

    pyHanko folds several causes into one indication, so the path is walked once more for them.
    """
    indication = status.trust_problem_indic
    if indication is None and status.bottom_line:
        return None
    if indication is AdESIndeterminate.TRY_LATER:
        return Distrust(REVOCATION_UNKNOWN, "the revocation list is out of date")
    try:
        await CertificateValidator(
            status.signing_cert, validation_context=context
        ).async_validate_path()
    except (PathError, ValidationError) as error:
        return Distrust(_code(error), type(error).__name__)
    if indication is AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE:
        return Distrust(WRONG_USE, "the certificate is not for signatures that bind")
    return Distrust(UNTRUSTED, indication.standard_name if indication else "not trusted")


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (InsufficientRevinfoError, REVOCATION_UNKNOWN),
    (RevokedError, REVOKED),
    (ExpiredError, EXPIRED),
    (NotYetValidError, EXPIRED),
    (DisallowedAlgorithmError, WEAK),
    (PathBuildingError, UNTRUSTED),
)


def _code(error: Exception) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNTRUSTED)
