"""DSS's default constraint policy, with the exchange's policy put in where the two differ.

DSS only warns of much that a validation policy may refuse (ETSI EN 319 102-1, 4.1.2), and asks for
a little that ours does not; each line here sets one constraint, with the rule that asks for it.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field

_SPACE = "{http://dss.esig.europa.eu/validation/policy}"


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint whose level is not the one of DSS's own policy."""

    path: str
    """Below the root; `*` is any element."""
    rule: str
    """Of the exchange's policy."""
    level: str = "FAIL"
    more: dict[str, str] = field(default_factory=dict[str, str])
    behind: str | None = None
    """Where DSS's policy has none: the constraint that it comes behind, as the schema orders."""


_BASIC = "SignatureConstraints/BasicSignatureConstraints"
_SIGNED = "SignatureConstraints/SignedAttributes"
OURS = (
    Constraint(f"{_BASIC}/SigningCertificate/KeyUsage", "certificates.leader"),
    Constraint(f"{_BASIC}/SigningCertificate/PolicyTree", "chain.path"),
    Constraint(f"{_BASIC}/SigningCertificate/NameConstraints", "chain.path"),
    Constraint(f"{_BASIC}/SigningCertificate/SupportedCriticalExtensions", "chain.path"),
    Constraint(f"{_BASIC}/SigningCertificate/NotSelfSigned", "chain.listed"),
    Constraint(f"{_BASIC}/CACertificate/PolicyTree", "chain.path"),
    Constraint(f"{_BASIC}/CACertificate/NameConstraints", "chain.path"),
    Constraint(f"{_BASIC}/CACertificate/SupportedCriticalExtensions", "chain.path"),
    Constraint(
        f"{_BASIC}/SigningCertificate/RevocationFreshness",
        "revocation.fresh",
        more={"Unit": "HOURS", "Value": "48"},
    ),
    Constraint(
        f"{_BASIC}/CACertificate/RevocationFreshness",
        "revocation.fresh",
        more={"Unit": "HOURS", "Value": "9600"},
    ),
    Constraint(f"{_BASIC}/SigningCertificate/CRLNextUpdatePresent", "revocation.fresh"),
    Constraint(f"{_BASIC}/CACertificate/CRLNextUpdatePresent", "revocation.fresh"),
    Constraint(f"{_BASIC}/AnnotationChanges", "format.changes", behind="SigFieldLock"),
    Constraint(f"{_BASIC}/UndefinedChanges", "format.changes"),
    Constraint(f"{_SIGNED}/SigningCertificatePresent", "signer.named"),
    Constraint(f"{_SIGNED}/IssuerSerialMatch", "signer.named"),
    # The signer's own word on the time counts for nothing, so it may be missing or odd.
    Constraint(f"{_SIGNED}/SigningTime", "time.stamp_missing", "IGNORE"),
    Constraint(f"{_SIGNED}/SigningTimeInCertRange", "time.stamp_missing", "IGNORE"),
)


def apply(policy: ET.Element, constraints: Sequence[Constraint]) -> bytes:
    """Return the policy with these constraints; raises LookupError for one that has no place."""
    for one in constraints:
        path, _, name = one.path.rpartition("/")
        parents = policy.findall("/".join(_SPACE + step for step in path.split("/")))
        found = [made for parent in parents for made in _in(parent, name, one.behind)]
        if not found:
            raise LookupError(f"DSS's policy has no {one.path}")
        for constraint in found:
            constraint.attrib.update({"Level": one.level, **one.more})
    return ET.tostring(policy)


def _in(parent: ET.Element, name: str, behind: str | None) -> list[ET.Element]:
    if behind is None:
        return parent.findall(_SPACE + name)
    for place, child in enumerate(parent, 1):
        if child.tag == _SPACE + behind:
            made = ET.Element(_SPACE + name)
            parent.insert(place, made)
            return [made]
    return []
