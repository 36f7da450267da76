"""A verdict in the form of ETSI TS 119 102-2 (validation report), as JSON.

Names and nesting are those of its XML schema (V1.4.1), as EU DSS gives them; what is ours stands
in the places that the standard leaves open: identifiers of constraints and typed report data.
"""

import re
from collections.abc import Mapping
from typing import Any

from services.signing.finding import OWN, UNKNOWN, Signature
from services.signing.report import objects
from services.signing.report.constraints import PASSED, Status, evaluated, worth
from services.signing.report.objects import DOCUMENT, URN, digest, reference
from services.signing.report.stored import Stored, is_of_the_whole, read
from services.signing.validation.policy import Policy

_OWN = "urn:lienthong:signing"
_ALGORITHMS = {
    ("rsassa_pkcs1v15", "sha256"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ("rsassa_pkcs1v15", "sha384"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    ("rsassa_pkcs1v15", "sha512"): "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    ("rsassa_pss", "sha256"): "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    ("rsassa_pss", "sha384"): "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
    ("rsassa_pss", "sha512"): "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    ("ecdsa", "sha256"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    ("ecdsa", "sha384"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    ("ecdsa", "sha512"): "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
}
"""RFC 9231, which TS 119 102-2 refers to."""
_REVOKED = re.compile(r"(?P<reason>\w+) since (?P<at>[\d-]+T[\d:]+Z)")
_FORMER = {f"{_OWN}:decision": f"{_OWN}:decision-before"}
"""What the exchange had decided, where that holds no longer."""
_WITHDRAWN = Status("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")
"""What is left of a signature that had passed: as of one that the register speaks against."""


def report(evidence: Mapping[str, Any], policy: Policy, *, withdrawn: str | None) -> dict[str, Any]:
    """Return the validation report of a stored verdict. Raises Incomplete.

    `withdrawn` is why the verdict on the document no longer holds, by problem code: then nothing is
    said to be TOTAL-PASSED; what was decided stands there as `decision-before`.
    """
    stored = read(evidence, policy)
    places = range(len(stored.signatures))
    single = [_report(stored, place, policy) for place in places] or [_unsigned(stored, policy)]
    if withdrawn is not None:
        single = [_taken_back(one, withdrawn) for one in single]
    return {
        "ValidationReport": {
            # The schema wants at least one: a file without a signature is reported on by itself.
            "SignatureValidationReport": single,
            "SignatureValidationObjects": {"ValidationObject": objects.validation_objects(stored)},
            "SignatureValidator": _validator(stored),
        }
    }


def _report(stored: Stored, place: int, policy: Policy) -> dict[str, Any]:
    one = stored.signatures[place]
    status = _status(worth(stored, one), "total-")
    status["AssociatedValidationReportData"] = [_associated(stored, place)]
    return {
        "SignatureIdentifier": {
            "id": f"S-{place + 1}",
            "HashOnly": False,
            "DocHashOnly": False,
            **({"DAIdentifier": one.field} if one.field else {}),
        },
        **_common(stored, one, policy, objects.proof(place, one)),
        **_attributes(place, one),
        **_signer(one),
        "SignatureValidationProcess": _process(one),
        "SignatureValidationStatus": status,
    }


def _taken_back(one: Mapping[str, Any], code: str) -> dict[str, Any]:
    """Return a report on a signature of a document whose verdict was withdrawn."""
    status = dict(one["SignatureValidationStatus"])
    if status["MainIndication"] == _status(PASSED, "total-")["MainIndication"]:
        status |= _status(_WITHDRAWN, "total-")
    (data,) = status["AssociatedValidationReportData"]
    said = data["AdditionalValidationReportData"]["ReportData"]
    why = {"Type": f"{_OWN}:withdrawn", "Value": code}
    before = [{**fact, "Type": _FORMER.get(fact["Type"], fact["Type"])} for fact in said]
    told = {**data, "AdditionalValidationReportData": {"ReportData": [why, *before]}}
    status["AssociatedValidationReportData"] = [told]
    return {**one, "SignatureValidationStatus": status}


def _unsigned(stored: Stored, policy: Policy) -> dict[str, Any]:
    verdict = stored.verdict
    status = _status(Status(verdict.validation, verdict.sub_indication), "total-")
    status["AssociatedValidationReportData"] = [{"AdditionalValidationReportData": _said(stored)}]
    return {**_common(stored, None, policy, {}), "SignatureValidationStatus": status}


def _common(
    stored: Stored, one: Signature | None, policy: Policy, proof: Mapping[str, Any]
) -> dict[str, Any]:
    common: dict[str, Any] = {
        "ValidationConstraintsEvaluationReport": _constraints(stored, one, policy)
    }
    if stored.finding:
        best = one.proved_at if one else None
        common["ValidationTimeInfo"] = {
            "ValidationTime": stored.finding.checked_at,
            "BestSignatureTime": {
                "POETime": best or stored.finding.checked_at,
                "TypeOfProof": f"{URN}:poetype:validation",
                **proof,
            },
        }
    common["SignersDocument"] = {
        "DigestAlgAndValue": digest(stored.subject.sha256),
        "SignersDocumentRef": reference(DOCUMENT),
    }
    return common


def _constraints(stored: Stored, one: Signature | None, policy: Policy) -> dict[str, Any]:
    return {
        "SignatureValidationPolicy": {
            "SignaturePolicyIdentifier": {
                "SignaturePolicyId": {
                    "SigPolicyId": {"Identifier": f"{_OWN}:policy:{policy.id}"},
                    "SigPolicyHash": digest(policy.sha256),
                }
            },
            "PolicyName": policy.page.title,
            **(
                {"FormalPolicyObject": reference(objects.policy_id(policy.sha256))}
                if stored.material
                else {}
            ),
        },
        "ValidationConstraint": [
            _constraint(f"{_OWN}:policy:{policy.id}:{rule}", status)
            for rule, status in evaluated(stored, one, policy).items()
        ],
    }


def _constraint(identifier: str, status: Status | None) -> dict[str, Any]:
    how = "disabled" if status is None else "applied"
    found: dict[str, Any] = {
        "ValidationConstraintIdentifier": identifier,
        "ConstraintStatus": {"Status": f"{URN}:constraintStatus:{how}"},
    }
    if status:
        found["ValidationStatus"] = _status(status, "")
    return found


def _status(status: Status, of: str) -> dict[str, Any]:
    """Return main and sub-indication; `of` is `total-` for signatures, nothing for constraints."""
    main = status.indication.lower().replace("total-", of)
    found: dict[str, Any] = {"MainIndication": f"{URN}:mainindication:{main}"}
    if status.sub_indication:
        found["SubIndication"] = [f"{URN}:subindication:{status.sub_indication}"]
    return found


def _attributes(place: int, one: Signature) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.claimed_at:
        found["SigningTime"] = {"Signed": True, "Time": one.claimed_at}
    stamps = objects.stamps(place, one)
    if stamps:
        found["SignatureTimeStamp"] = stamps
    return {"SignatureAttributes": found} if found else {}


def _signer(one: Signature) -> dict[str, Any]:
    if not one.certificate:
        return {}
    certificate = reference(objects.certificate_id(one.certificate))
    return {"SignerInformation": {"SignerCertificate": certificate}}


def _process(one: Signature) -> dict[str, Any]:
    process = "LTVM" if one.stamps else "Basic"
    return {"SignatureValidationProcessID": f"{URN}:validationprocess:{process}"}


def _associated(stored: Stored, place: int) -> dict[str, Any]:
    one = stored.signatures[place]
    found: dict[str, Any] = {}
    if one.chain:
        anchor, *between, signer = (reference(objects.certificate_id(sha)) for sha in one.chain)
        found["TrustAnchor"] = anchor
        found["CertificateChain"] = {
            "SigningCertificate": signer,
            "IntermediateCertificate": between[::-1],
            "TrustAnchor": anchor,
        }
    if one.checked:
        found["RelatedValidationObject"] = [
            reference(objects.revocation_id(checked.material)) for checked in one.checked
        ]
    found |= _revocation(one)
    algorithm = _ALGORITHMS.get((one.algorithm, one.digest))
    if algorithm:
        found["CryptoInformation"] = {
            "ValidationObjectId": reference(f"S-{place + 1}"),
            "Algorithm": algorithm,
            "SecureAlgorithm": not (one.rule or "").startswith("algorithms."),
        }
    found["AdditionalValidationReportData"] = _said(stored, one)
    return found


def _revocation(one: Signature) -> dict[str, Any]:
    """Return since when, and why, the signer's certificate was revoked."""
    told = _REVOKED.fullmatch(one.detail)
    if told is None or one.sub_indication != "REVOKED_NO_POE":
        return {}
    return {
        "RevocationStatusInformation": {
            "ValidationObjectId": reference(objects.certificate_id(one.certificate)),
            "RevocationTime": told["at"],
            "RevocationReason": f"{URN}:revocationReason:{told['reason']}",
        }
    }


def _said(stored: Stored, one: Signature | None = None) -> dict[str, Any]:
    """Return what stands behind the indication, in our own terms."""
    verdict = stored.verdict
    facts = {"decision": verdict.indication}
    if one:
        facts |= {"rule": one.rule or "", "problem": one.problem or "", "detail": one.detail}
    if one is None or is_of_the_whole(stored):
        facts |= {
            "document-rule": verdict.rule or "",
            "document-problem": verdict.reason or "",
            "document-detail": verdict.detail,
        }
    return {
        "ReportData": [
            {"Type": f"{_OWN}:{name}", "Value": value} for name, value in facts.items() if value
        ]
    }


def _validator(stored: Stored) -> dict[str, Any]:
    software = dict(stored.finding.libraries) if stored.finding else {}
    own = software.pop(OWN, UNKNOWN)
    return {"OtherInformation": {"Name": OWN, "Version": own, "Libraries": software}}
