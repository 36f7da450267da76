"""Under which heading of the OpenAPI document an operation stands, by its path."""

from collections.abc import Mapping

_BY_PREFIX: Mapping[str, str] = {
    "/oauth": "access",
    "/.well-known": "access",
    "/v1/me": "access",
    "/v1/agencies": "agencies",
    "/v1/directory-changes": "agencies",
    "/v1/documents": "documents",
    "/v1/dispatches": "dispatches",
    "/v1/deliveries": "deliveries",
    "/v1/inbox": "inbox",
    "/v1/events": "events",
    "/v1/subscriptions": "events",
    "/v1/signatures": "signatures",
    "/v1/validations": "signatures",
    "/v1/certificates": "certificates",
    "/pki": "certificates",
    "/v1/trust-list": "certificates",
    "/v1/clients": "systems",
    "/v1/connections": "operating",
    "/v1/parked": "operating",
    "/v1/log-level": "operating",
    "/v1/lanes": "operating",
    "/v1/problems": "reference",
    "/v1/status-codes": "reference",
}
_SAID: Mapping[str, str] = {
    "access": "Truy cập. Tokens, and who the caller is",
    "agencies": "Danh bạ cơ quan. The directory of agencies and its changes",
    "documents": "Văn bản. Drafts, files, signatures, and what became of them",
    "dispatches": "Lượt gửi. One sending of a document to its recipients",
    "deliveries": "Lượt giao. One recipient's copy: package, acknowledgement, receipt, statuses",
    "inbox": "Hộp thư đến. The mailbox in two lanes, and leases for workers",
    "events": "Tin báo. Events by cursor, as a stream, or on Kafka",
    "signatures": "Ký số và kiểm tra. Signing with kept keys, and what signatures are worth",
    "certificates": "Chứng thư số. The trust list, authorities, revocation lists, revoking",
    "systems": "Hệ thống kết nối. Registering systems, their keys and rights",
    "operating": "Vận hành. Connections, parked records, log levels",
    "reference": "Tra cứu. Entry point, codes of problems and statuses",
}


def tag_of(path: str) -> str:
    """Return the heading of a path. Raises LookupError for one that has none yet."""
    if path == "/v1":
        return "reference"
    parts = path.split("/")
    for length in range(len(parts), 1, -1):
        found = _BY_PREFIX.get("/".join(parts[:length]))
        if found is not None:
            return found
    raise LookupError(f"{path} stands under no heading: add it to {__name__}")


def tags() -> list[dict[str, str]]:
    """Return all headings as the document lists them."""
    return [{"name": name, "description": _SAID[name]} for name in sorted(_SAID)]
