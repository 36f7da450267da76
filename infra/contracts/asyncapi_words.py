"""Words and fixed parts of the AsyncAPI document: titles, headers, servers, ways to log in."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from infra.stack.ports import USUAL

Document: TypeAlias = dict[str, Any]

VIETNAMESE = {
    "agency.changed.v1": "Trạng thái hiện tại của một cơ quan",
    "client.changed.v1": "Trạng thái hiện tại của một hệ thống kết nối",
    "document.dispatched.v1": "Văn bản đã được gửi, chờ kiểm tra chữ ký số",
    "dispatch.changed.v1": "Diễn biến của một lượt gửi",
    "signature.requested.v1": "Dự thảo chờ ký số",
    "signature.made.v1": "Đã ký số",
    "signature.failed.v1": "Không ký số được",
    "document.examined.v1": "Kết luận về chữ ký số trên một tệp",
    "verdict.withdrawn.v1": "Kết luận bị rút lại vì chứng thư số bị thu hồi",
    "delivery.cleared.v1": "Lượt giao đã có số trong hộp thư bên nhận",
    "delivery.acknowledged.v1": "Bên nhận đã xác nhận",
    "delivery.status_reported.v1": "Bên nhận báo trạng thái xử lý",
    "mailbox.arrived.v1": "Văn bản đến",
    "mailbox.changed.v1": "Diễn biến khác trong nhật ký của một cơ quan",
}
ABOUT = (
    "Sự kiện của trục liên thông văn bản điện tử trên Kafka: chỉ mã, giá trị băm và đường dẫn,"
    " không có nội dung, trích yếu hay họ tên.\n\n"
    "Events of the exchange on Kafka (CloudEvents 1.0, binary mode): ids, digests and links, never"
    " content, subjects or names. Order is promised per key. A record may come more than once:"
    " `ce_id` is the same for ever. An integrator reads `lienthong.agencies.v1` and the mailbox"
    " topic of its own system, in groups whose names begin with `<client_id>.`, after"
    ' `POST /v1/subscriptions {"kind": "kafka"}`.'
)

EXTENSIONS = {"delivery.cleared.v1": ("lienthong_agency", "lienthong_lane", "lienthong_sequence")}
"""Headers that an event has beyond those of all."""

SECURITY: Document = {
    "scram": {"type": "scramSha256", "description": "A service's own user."},
    "token": {
        "type": "oauth2",
        "description": "The access token of REST (OAUTHBEARER); the session ends"
        " with it. The gateway's metadata names the token endpoint.",
        "flows": {
            "clientCredentials": {
                "tokenUrl": f"http://127.0.0.1:{USUAL['gateway']}/oauth/token",
                "availableScopes": {"documents.receive": "Read mailboxes."},
            }
        },
    },
}

_TEXT: Mapping[str, object] = {"type": "string"}
HEADERS: Document = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binding, binary mode; trace context of W3C.",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "description": "The event's id for ever: a record that comes again has the same.",
        },
        "ce_type": _TEXT,
        "ce_source": _TEXT,
        "ce_subject": {**_TEXT, "description": "The record's key."},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"const": "application/json"},
        "traceparent": {
            "type": "string",
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "Name its trace id (the second part) when you ask for help.",
        },
    },
}


def servers() -> Document:
    """Two listeners as the stack of one machine has them, and the second beyond one machine."""
    common = {"protocolVersion": "4.4.0"}
    inside = {"$ref": "#/components/securitySchemes/scram"}
    token = {"$ref": "#/components/securitySchemes/token"}
    return {
        "services": {
            "host": f"127.0.0.1:{USUAL['kafka']}",
            "protocol": "kafka",
            "description": "For the exchange's own services: SASL_PLAINTEXT, SCRAM-SHA-256.",
            "security": [inside],
            **common,
        },
        "integrators": {
            "host": f"127.0.0.1:{USUAL['kafka_oauth']}",
            "protocol": "kafka",
            "description": "For integrators, on one machine: SASL_PLAINTEXT, OAUTHBEARER.",
            "security": [token],
            **common,
        },
        "integratorsOverTls": {
            "host": "{bootstrap}",
            "protocol": "kafka-secure",
            "description": "For integrators, beyond one machine: SASL_SSL, OAUTHBEARER.",
            "variables": {
                "bootstrap": {"description": "As `GET /v1/subscriptions/{id}` says in `kafka`."}
            },
            "security": [token],
            **common,
        },
    }
