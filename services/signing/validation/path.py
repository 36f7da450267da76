"""Whether a path of certificates is one by RFC 5280 6.1, whatever the moment."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Coroutine, Sequence
from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, ValidationError
from pyhanko_certvalidator.name_trees import process_general_subtrees
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import DisallowWeakAlgorithmsPolicy, PKIXValidationParams
from pyhanko_certvalidator.validate import async_validate_path

from services.signing.validation.failures import UNFIT

_EVERY_ALGORITHM = DisallowWeakAlgorithmsPolicy(
    weak_hash_algos=frozenset(), weak_signature_algos=frozenset(), rsa_key_size_threshold=0
)
"""Which algorithms may be used, and until when, is for our own policy to say."""
_UNDERSTOOD = frozenset(
    {"key_usage", "basic_constraints", "extended_key_usage"}
    | {
        "certificate_policies",
        "subject_alt_name",
        "name_constraints",
        "policy_constraints",
        "inhibit_any_policy",
        "policy_mappings",
    }
)


def flaw(certificate: bytes, issuers: Sequence[bytes]) -> str | None:
    """Return what RFC 5280 6.1 objects to; None: nothing.

    All in DER, issuers from the certificate's own to the anchor. Validity and revocation are not
    looked at.
    """
    try:
        return _flaw(*(x509.Certificate.load(der) for der in (certificate, *issuers)))
    except (ExpiredError, NotYetValidError):
        return None  # never valid together: the validity of each says so
    except UNFIT as error:
        return type(error).__name__


def _flaw(certificate: x509.Certificate, *issuers: x509.Certificate) -> str | None:
    unknown = {str(one) for one in certificate.critical_extensions or ()} - _UNDERSTOOD
    if unknown:
        return f"critical extension {min(unknown)}"
    everyone = [certificate, *issuers]
    moment = max(one.not_valid_before for one in everyone)
    context = ValidationContext(
        trust_roots=[issuers[-1]],
        other_certs=list(issuers[:-1]),
        allow_fetching=False,
        revocation_mode="soft-fail",
        moment=moment,
        algorithm_usage_policy=_EVERY_ALGORITHM,
    )
    anchor = CertTrustAnchor(issuers[-1], _limits(issuers[-1]))
    path = ValidationPath(anchor, interm=list(reversed(issuers[:-1])), leaf=certificate)
    _at_once(async_validate_path(context, path))
    return None


def _limits(anchor: x509.Certificate) -> TrustQualifiers:
    """Return the limits that an anchor's certificate sets to what it issues, and below.

    RFC 5280 6.2 leaves open whether they count; a root that limits itself was listed with that in
    mind, OpenSSL heeds it, and RFC 5937 says how. Its policies are for the trust list to say.
    """
    names, most = anchor.name_constraints_value, anchor.max_path_length
    parameters = None
    if names is not None:
        permitted, excluded = names["permitted_subtrees"], names["excluded_subtrees"]
        parameters = PKIXValidationParams(
            initial_permitted_subtrees=_subtrees(permitted),
            initial_excluded_subtrees=_subtrees(excluded),
        )
    # The library counts down the second length too as soon as there is a first one.
    return TrustQualifiers(parameters, max_path_length=most, max_aa_path_length=most)


def _subtrees(named: Any) -> Any:  # noqa: ANN401 (the library's own type has no name)
    return process_general_subtrees(named) if isinstance(named, x509.GeneralSubtrees) else None


def _at_once(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that waits for nothing: what it would fetch is not to be fetched."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise ValidationError("the validation of a path waits for something")
