"""The parts of OpenAPI documents that all operations share: problems, headers, parameters."""

from http import HTTPStatus
from typing import Any

from shared.errors import ProblemType, problem_types
from shared.faults import PROBLEM_JSON

Part = dict[str, Any]

_TEXT = {"type": "string"}
_SAMPLE_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

PROBLEM: Part = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457, in Vietnamese and English; `code` is listed at /v1/problems.",
    "required": ["type", "code", "status", "title", "detail", "hint", "instance", "trace_id"],
    "properties": {
        **dict.fromkeys(("type", "code", "instance", "trace_id"), _TEXT),
        **dict.fromkeys(("title", "title_en", "detail", "detail_en", "hint", "hint_en"), _TEXT),
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": dict.fromkeys(("pointer", "in", "detail", "detail_en"), _TEXT),
            },
        },
    },
}

CONTENT: Part = {"schema": {"$ref": "#/components/schemas/Problem"}}

SCOPES = {
    "directory": "Tra cứu danh bạ cơ quan. Look agencies up.",
    "documents.send": "Soạn và gửi văn bản, theo dõi lượt gửi. Write, send, and follow documents.",
    "documents.receive": "Nhận văn bản, xác nhận, báo trạng thái. Receive, confirm, report.",
    "documents.sign": "Ký số từ xa bằng chứng thư của chính mình. Sign with one's own certificate.",
    "operator": "Vận hành: kết nối, bản ghi bị giữ, nhật ký. Operate the exchange.",
    "registrar": "Đăng ký cơ quan, hệ thống, chứng thư. Register agencies, systems, certificates.",
}
"""What each scope allows. The services' own, `internal`, is nobody else's business."""

SECURITY: Part = {
    "oauth": {
        "type": "oauth2",
        "description": "OAuth 2.0 client credentials; the system signs its way in (RFC 7523).",
        "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": SCOPES}},
    }
}


def _header(description: str, example: object, **schema: object) -> Part:
    return {"description": description, "schema": schema or _TEXT, "example": example}


HEADERS: Part = {
    "Trace-Id": _header("The trace of this request; name it when you ask for help", _SAMPLE_TRACE),
    "Retry-After": _header("Seconds to wait before the next try", 1, type="integer", minimum=0),
    "Location": _header(
        "Where what was made is found", "/v1/…/0198c3f1-7d1e-7c55-a6b0-5b1d5a0f9a11"
    ),
    "ETag": _header("The version; send it back in If-Match", '"1"'),
    "Link": _header("The next page (RFC 8288), when there is one", '</v1/…>; rel="next"'),
    "WWW-Authenticate": _header("The challenge (RFC 6750)", 'Bearer realm="lienthong"'),
}


def _parameter(name: str, description: str, example: str, **more: Any) -> Part:  # noqa: ANN401
    schema = {**_TEXT, **more.pop("schema", {})}
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": schema,
        "example": example,
        **more,
    }


PARAMETERS: Part = {
    "On-Behalf-Of": _parameter(
        "On-Behalf-Of",
        "Mã cơ quan mà hệ thống thay mặt. The agency that acts, one of the token's `agencies`; "
        "needed for a write by a system that acts for several.",
        "H14.03.05",
        schema={"maxLength": 35},
    ),
    "Idempotency-Key": _parameter(
        "Idempotency-Key",
        "Khóa của việc này, giữ nguyên khi thử lại. A fresh UUID for each piece of work and the "
        "same one in each of its tries: the first answer is the answer of all (30 days).",
        "0198c3f0-7d1e-7c55-a6b0-5b1d5a0f9a11",
        required=True,
        schema={"minLength": 1, "maxLength": 255},
    ),
    "If-Match": _parameter(
        "If-Match",
        "Phiên bản mà yêu cầu dựa vào. The ETag that the change is based on; without it, any.",
        '"1"',
    ),
}

DESCRIBED = {
    "after": "Đọc tiếp sau chỗ này. Go on behind this place, as an earlier answer named it",
    "agency_code": "Mã cơ quan. Code of the agency whose mailbox it is",
    "agencies/code": "Mã cơ quan. Code of an agency, present or old, such as H14.03.05",
    "attachment_id": "Mã tệp. Id of a file of the document",
    "client_id": "Mã hệ thống. Id of a connected system",
    "cursor": "Con trỏ trang sau. `next_cursor` of the page before; opaque",
    "delivery_id": "Mã lượt giao. Id of a delivery",
    "dispatch": "Gửi ngay. Send it at once, in the same transaction",
    "dispatch_id": "Mã lượt gửi. Id of a dispatch",
    "document_id": "Mã văn bản. Id of a document",
    "item_id": "Mã bản ghi bị giữ. Id of a parked record",
    "kid": "Mã khóa. Id of a key (`kid`)",
    "lease_id": "Mã giữ chỗ. Id of a lease",
    "lane": "Làn. `urgent` for the urgencies above normal, else `normal`",
    "level": "Cấp. Level: central, province, district, commune",
    "limit": "Số dòng tối đa của một trang. Most items on a page",
    "parent": "Cơ quan cấp trên. Code of the agency above",
    "pki/ca": "Tổ chức chứng thực. Which authority",
    "problems/code": "Mã lỗi. Code of a problem, such as DSP-4222",
    "sha256": "Dấu vân tay SHA-256 của chứng thư. SHA-256 of the certificate, in hex",
    "signature_id": "Mã chữ ký. Id of a signature",
    "change_id": "Mã thay đổi danh sách tin cậy. Id of a change of the trust list",
    "state": "Trạng thái. State",
    "status": "Mã trạng thái xử lý. Code of a business status, such as 03",
    "subscription_id": "Mã đăng ký nhận tin. Id of a subscription",
    "transport": "Tình trạng truyền. How far a copy has come on its way",
    "urgency": "Độ khẩn. Urgency",
}
"""Parameters that mean the same wherever they stand, or behind the part of the path before `/`.

What a route itself says goes first.
"""

_MEANING = {
    400: "The request cannot be read, or a parameter is wrong",
    401: "The token is missing, expired, or not one of ours",
    403: "The token may not do this",
    404: "There is nothing there, or it is not this agency's",
    406: "No representation matches the Accept header",
    408: "The body came too slowly",
    409: "It does not fit the present state",
    410: "It was there and is gone",
    412: "If-Match names another version",
    413: "The body is too large",
    415: "The media type is not taken here",
    416: "The range lies outside the file",
    422: "A field is wrong; `errors` points at each",
    429: "Too much at once; wait as Retry-After says",
    431: "The address or the headers are too long",
    503: "Not now; wait as Retry-After says",
    507: "There is no room for it now",
}
_WAITS = frozenset({409, 429, 503})
_AREAS = ("REQ", "AUT", "SYS")


def name_of(status: int) -> str:
    """Return the name of the shared response of problems with a status."""
    return f"Problem{status}"


def responses() -> Part:
    """Return the shared responses: one per status that a problem can have."""
    known = {row.status for row in problem_types().values()}
    return {name_of(status): _response(status) for status in sorted(known | _MEANING.keys())}


def _response(status: int) -> Part:
    known = sorted(
        (row for row in problem_types().values() if row.status == status),
        key=lambda row: (row.code[:3] not in _AREAS, row.code),
    )
    content = {**CONTENT, "example": _shown(known[0])} if known else CONTENT
    headers = ["Trace-Id", *(["Retry-After"] if status in _WAITS else [])]
    if status == 401:  # noqa: PLR2004
        headers.append("WWW-Authenticate")
    return {
        "description": _MEANING.get(status) or HTTPStatus(status).phrase,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {PROBLEM_JSON: content},
    }


def _shown(row: ProblemType) -> Part:
    return {
        "type": f"/v1/problems/{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "title_en": row.title_en,
        "detail": row.title,
        "detail_en": row.title_en,
        "hint": row.hint,
        "hint_en": row.hint_en,
        "instance": "/v1/documents",
        "trace_id": _SAMPLE_TRACE,
        "errors": [],
    }
