"""Good bodies of the operations that take JSON, to be changed in one place at a time."""

import datetime as dt
from typing import Any

Json = Any

_DIGEST = "0123456789abcdef" * 4


def draft(number: str = "7816") -> dict[str, Json]:
    """Return a draft as an agency's software sends it."""
    return {
        "number": number,
        "notation": "VPCP-TTĐT",
        "type": "cong_van",
        "subject": "V/v gửi, nhận văn bản điện tử",
        "promulgated_on": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "urgency": "urgent",
        "signer": {"name": "Nguyễn Thị Ánh Tuyết", "position": "Phó Chủ nhiệm"},
        "recipients": [{"agency": "H14"}],
    }


def bodies(label: str) -> list[dict[str, Json]]:
    """Return good bodies for `POST /v1/…`; some are good for nothing but their shape."""
    found = _BODIES.get(label)
    return [{"reason": "x"}] if found is None else found


_CHOSEN = {
    **draft(),
    "recipients": [{"select": {"level": "district", "under": "H14"}}],
    "due_on": None,
}
_POINT = {"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}
_POINT_Y = {"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "kid": "k1"}
_KEY = {"kty": "EC", "crv": "P-256", **_POINT, **_POINT_Y, "use": "sig", "alg": "ES256"}
_CLIENT = {
    "client_id": "sys-made-up",
    "name": "Hệ thống",
    "agencies": ["G22"],
    "scopes": ["directory"],
}
_BODIES: dict[str, list[dict[str, Json]]] = {
    "POST /v1/documents": [draft(), _CHOSEN],
    "PATCH /v1/documents/{document_id}": [
        {"subject": "V/v", "urgency": "normal", "due_on": None},
        draft(),
    ],
    "POST /v1/documents/{document_id}/attachments": [
        {
            "name": "a.pdf",
            "media_type": "application/pdf",
            "size": 9,
            "sha256": _DIGEST,
            "role": "ANNEX",
        }
    ],
    "POST /v1/documents/{document_id}/dispatches": [{}, {"recipients": [{"agency": "H14"}]}],
    "POST /v1/documents/{document_id}/signatures": [
        {
            "certificate": _DIGEST,
            "attachment": "01a21563-39c8-7e8f-99af-6c28e21cdb87",
            "kind": "leader",
        }
    ],
    "POST /v1/inbox/leases": [{"max": 2, "visibility": "PT5S", "wait": "PT0S"}],
    "PATCH /v1/inbox/leases/{lease_id}": [{"visibility": "PT5M"}],
    "POST /v1/deliveries/{delivery_id}/acknowledgement": [
        {"digests": [_DIGEST]},
        {"files": [{"sha256": _DIGEST}]},
        {"sha256": [_DIGEST]},
    ],
    "POST /v1/deliveries/{delivery_id}/statuses": [
        {
            "code": "03",
            "at": "2026-11-26T08:00:00+07:00",
            "staff": {"name": "Trần Văn B"},
            "note": "x",
        }
    ],
    "POST /v1/subscriptions": [{"kind": "kafka"}],
    "POST /v1/signatures/{signature_id}/activation": [{"pin": "000000"}],
    "POST /v1/agencies": [
        {"code": "Z99", "name": "Cơ quan thử", "level": "central", "parent": None}
    ],
    "POST /v1/agencies/{code}/state-changes": [{"state": "suspended", "reason": "thử"}],
    "POST /v1/agencies/{code}/successions": [{"successors": ["G22"], "reason": "thử"}],
    "POST /v1/certificates/{sha256}/revocations": [{"reason": "keyCompromise"}],
    "POST /v1/clients": [
        {**_CLIENT, "keys": {"keys": [_KEY]}},
        {**_CLIENT, "jwks": {"keys": [_KEY]}},
    ],
    "PATCH /v1/clients/{client_id}": [{"name": "Hệ thống", "scopes": ["directory"]}],
    "POST /v1/clients/{client_id}/keys": [{**_KEY}, {"keys": [_KEY]}],
    **{
        f"PUT /v1/log-level/{service}": [{"level": "info"}]
        for service in ("docs", "signing", "notify", "gateway")
    },
}
