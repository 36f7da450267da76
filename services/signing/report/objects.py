"""The validation objects of ETSI TS 119 102-2: all that a report refers to, by digest (pure)."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from services.signing.finding import Signature
from services.signing.report.stored import Stored

URN = "urn:etsi:019102"
DOCUMENT = "D-1"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_TYPES = {"crl": "CRL", "ocsp": "OCSPResponse"}


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects by their ids, in the order in which they were met."""

    seen_at: str | None
    found: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def add(self, name: str, kind: str, representation: dict[str, Any]) -> None:
        one = {
            "id": name,
            "ObjectType": f"{URN}:validationObject:{kind}",
            "ValidationObjectRepresentation": representation,
        }
        if self.seen_at:
            one["POE"] = {"POETime": self.seen_at, "TypeOfProof": f"{URN}:poetype:validation"}
        self.found.setdefault(name, one)

    def by_digest(self, name: str, kind: str, sha256: str) -> None:
        self.add(name, kind, {"DigestAlgAndValue": digest(sha256)})


def validation_objects(stored: Stored) -> list[dict[str, Any]]:
    """Return the file, the policy, certificates, revocation data and time stamps."""
    objects = _Objects(stored.finding.checked_at if stored.finding else None)
    objects.by_digest(DOCUMENT, "signedData", stored.subject.sha256)
    if stored.material:
        given = stored.material
        objects.by_digest(policy_id(given.policy), "other", given.policy)
        for authority in given.authorities:
            _certificate(objects, authority.sha256)
        for one in given.lists:
            objects.by_digest(revocation_id(one.sha256), _TYPES["crl"], one.sha256)
        for sha256 in given.answers:
            objects.by_digest(revocation_id(sha256), _TYPES["ocsp"], sha256)
        if given.signature:
            objects.by_digest(f"O-{given.signature.upper()}", "other", given.signature)
    for place, one in enumerate(stored.signatures):
        _of_signature(objects, place, one)
    return list(objects.found.values())


def _of_signature(objects: _Objects, place: int, one: Signature) -> None:
    for sha256 in filter(None, (*one.chain, one.certificate)):
        _certificate(objects, sha256)
    for checked in one.checked:  # what the file brought itself is not among the material
        name, kind = revocation_id(checked.material), _TYPES[checked.source]
        objects.by_digest(name, kind, checked.material)
    for number in range(len(one.stamps)):
        # A time stamp is kept in the file only: it is found by signature and number.
        where = {"VOReference": [DOCUMENT], "PAdESFieldName": one.field, "Number": number + 1}
        objects.add(_stamp(place, number), "timestamp", {"direct": where})


def _certificate(objects: _Objects, sha256: str) -> None:
    objects.by_digest(certificate_id(sha256), "certificate", sha256)


def certificate_id(sha256: str) -> str:
    """Return the id of a certificate."""
    return f"C-{sha256.upper()}"


def revocation_id(sha256: str) -> str:
    """Return the id of a revocation list or an OCSP response."""
    return f"R-{sha256.upper()}"


def policy_id(sha256: str) -> str:
    """Return the id of the policy's page."""
    return f"P-{sha256.upper()}"


def stamps(place: int, one: Signature) -> list[dict[str, Any]]:
    """Return the time stamps of a signature that prove something, as attributes of it."""
    return [
        {"AttributeObject": [reference(_stamp(place, number))], "TimeStampValue": stamp.made_at}
        for number, stamp in enumerate(one.stamps)
        if stamp.made_at
    ]


def proof(place: int, one: Signature) -> dict[str, Any]:
    """Return what the best time of a signature was taken from, if it is a time stamp."""
    best = one.proved_at
    for number, stamp in enumerate(one.stamps):
        if best is not None and stamp.made_at == best:
            return {"POEObject": reference(_stamp(place, number))}
    return {}


def _stamp(place: int, number: int) -> str:
    return f"T-{place + 1}-{number + 1}"


def reference(*names: str) -> dict[str, list[str]]:
    """Return a reference to objects."""
    return {"VOReference": list(names)}


def digest(sha256: str) -> dict[str, Any]:
    """Return a SHA-256 as XAdES writes it."""
    value = b64encode(bytes.fromhex(sha256)).decode()
    return {"DigestMethod": {"Algorithm": _SHA256}, "DigestValue": value}
