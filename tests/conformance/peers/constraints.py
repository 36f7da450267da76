"""DSS's default constraint policy with the exchange's policy put in where the two differ.

DSS only warns of what a validation policy may refuse (ETSI EN 319 102-1, 4.1.2); each line here
raises one constraint, with the rule of the exchange's policy that asks for it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

_SPACE = "{http://dss.esig.europa.eu/validation/policy}"


@dataclass(frozen=True, slots=True)
class Raised:
    """A constraint that fails a signature, where DSS's own policy warns or does not look."""

    path: str
    """Below the root; `*` is any element."""
    rule: str
    """Of the exchange's policy."""
    more: dict[str, str] = field(default_factory=dict[str, str])


_SIGNER = "SignatureConstraints/BasicSignatureConstraints/SigningCertificate"
_AUTHORITY = "SignatureConstraints/BasicSignatureConstraints/CACertificate"
RAISED = (
    Raised(f"{_SIGNER}/KeyUsage", "certificates.leader"),
    Raised(f"{_SIGNER}/PolicyTree", "chain.path"),
    Raised(f"{_SIGNER}/NameConstraints", "chain.path"),
    Raised(f"{_SIGNER}/SupportedCriticalExtensions", "chain.path"),
    Raised(f"{_SIGNER}/NotSelfSigned", "chain.listed"),
    Raised(f"{_SIGNER}/RevocationFreshness", "revocation.fresh", {"Unit": "HOURS", "Value": "48"}),
    Raised(
        f"{_AUTHORITY}/RevocationFreshness",
        "revocation.fresh",
        {"Unit": "HOURS", "Value": "9600"},
    ),
    Raised("SignatureConstraints/BasicSignatureConstraints/UndefinedChanges", "format.changes"),
)


def apply(policy: ET.Element, raised: Sequence[Raised]) -> bytes:
    """Return the policy with these constraints raised to FAIL; each of them must be there."""
    for one in raised:
        found = policy.findall("/".join(_SPACE + step for step in one.path.split("/")))
        if not found:
            raise LookupError(f"DSS's policy has no {one.path}")
        for constraint in found:
            constraint.attrib.update({"Level": "FAIL", **one.more})
    return ET.tostring(policy)
