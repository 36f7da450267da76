"""From an exception to a problem body: validation faults as pointers, in both languages."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.responses import Response

from shared.errors import Fault, Problem
from shared.language import VARY, Language, spoken_in

PROBLEM_JSON = "application/problem+json"

Place = Literal["body", "query", "path", "header"]
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_VIETNAMESE = {
    "missing": "Thiếu trường bắt buộc.",
    "extra_forbidden": "Trường không được phép.",
    "string_type": "Phải là chuỗi ký tự.",
    "string_too_short": "Phải có ít nhất {min_length} ký tự.",
    "string_too_long": "Không được dài quá {max_length} ký tự.",
    "string_pattern_mismatch": "Không đúng mẫu {pattern}.",
    "literal_error": "Phải là một trong: {expected}.",
    "enum": "Phải là một trong: {expected}.",
    "int_type": "Phải là số nguyên.",
    "int_parsing": "Phải là số nguyên.",
    "int_from_float": "Phải là số nguyên.",
    "bool_type": "Phải là true hoặc false.",
    "bool_parsing": "Phải là true hoặc false.",
    "greater_than": "Phải lớn hơn {gt}.",
    "greater_than_equal": "Phải từ {ge} trở lên.",
    "less_than": "Phải nhỏ hơn {lt}.",
    "less_than_equal": "Không được vượt quá {le}.",
    "too_short": "Phải có ít nhất {min_length} phần tử.",
    "too_long": "Không được có quá {max_length} phần tử.",
    "list_type": "Phải là danh sách.",
    "tuple_type": "Phải là danh sách.",
    "dict_type": "Phải là đối tượng JSON.",
    "model_type": "Phải là đối tượng JSON.",
    "model_attributes_type": "Phải là đối tượng JSON.",
    "uuid_type": "Phải là UUID.",
    "uuid_parsing": "Phải là UUID.",
    "date_type": "Phải là ngày dạng YYYY-MM-DD.",
    "date_parsing": "Phải là ngày dạng YYYY-MM-DD.",
    "date_from_datetime_parsing": "Phải là ngày dạng YYYY-MM-DD.",
    "datetime_parsing": "Phải là thời điểm theo RFC 3339.",
    "datetime_from_date_parsing": "Phải là thời điểm theo RFC 3339.",
    "timezone_aware": "Thời điểm phải có múi giờ.",
    "time_delta_parsing": "Phải là khoảng thời gian theo ISO 8601, như PT5M.",
    "time_delta_type": "Phải là khoảng thời gian theo ISO 8601, như PT5M.",
    "int_parsing_size": "Số quá lớn.",
    "float_type": "Phải là số.",
    "float_parsing": "Phải là số.",
    "finite_number": "Phải là số hữu hạn.",
    "multiple_of": "Phải là bội của {multiple_of}.",
    "string_unicode": "Không phải chuỗi Unicode hợp lệ.",
    "date_from_datetime_inexact": "Phải là ngày dạng YYYY-MM-DD, không có giờ.",
    "datetime_type": "Phải là thời điểm theo RFC 3339.",
    "datetime_object_invalid": "Phải là thời điểm theo RFC 3339.",
    "url_parsing": "Phải là địa chỉ URL.",
    "url_scheme": "Địa chỉ phải bắt đầu bằng: {expected_schemes}.",
    "union_tag_invalid": "Loại {tag} không có; phải là một trong: {expected_tags}.",
    "union_tag_not_found": "Thiếu trường cho biết loại: {discriminator}.",
    "forbidden_character": "Ký tự {character} ở vị trí {position} không được phép.",
    "blank": "Không được để trống.",
    "due_on": "Hạn trả lời sớm hơn ngày ban hành.",
    "one_of_two": "Nêu một cơ quan hoặc một phép chọn, đúng một trong hai.",
    "empty_selection": "Nêu cấp, cơ quan cấp trên, hoặc cả hai.",
    "base64": "Phải là base64 (RFC 4648, mục 4).",
    "one_pem": "Phải là đúng một chứng thư số dạng PEM.",
    "web_address": "Phải là địa chỉ http hoặc https hợp lệ, có tên máy chủ, chỉ gồm ký tự"
    " ASCII in được, không có khoảng trắng, tên đăng nhập, mật khẩu và phần sau dấu #.",
}


def problem_response(
    problem: Problem, *, path: str, trace_id: str, language: Language = "vi"
) -> Response:
    """Render a problem as RFC 9457 says; the only place where that is done.

    `title`, `detail` and `hint` are in the reader's language; the other one stands beside it.
    """
    row = problem.type
    body: dict[str, Any] = {
        "type": f"/v1/problems/{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "title_en": row.title_en,
        "detail": problem.vi or row.title,
        "detail_en": problem.en or row.title_en,
        "hint": row.hint,
        "hint_en": row.hint_en,
        "instance": path,
        "trace_id": trace_id,
        "errors": [
            {
                "pointer": fault.pointer,
                "in": fault.place,
                "detail": fault.detail,
                "detail_en": fault.detail_en,
            }
            for fault in problem.faults
        ],
    }
    headers = _headers(problem) | {"Content-Language": language, "Vary": VARY}
    content = orjson.dumps(spoken_in(language, {**problem.extra, **body}), default=str)
    return Response(content, row.status, headers, PROBLEM_JSON)


def _headers(problem: Problem) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.type.status == 401:  # noqa: PLR2004 (RFC 6750 3: one challenge for every cause)
        headers["WWW-Authenticate"] = 'Bearer realm="lienthong", error="invalid_token"'
    if "allow" in problem.extra:
        headers["Allow"] = problem.extra["allow"]
    if problem.type.status == 412 and "version" in problem.extra:  # noqa: PLR2004 (RFC 9110 15.5.13)
        headers["ETag"] = f'"{problem.extra["version"]}"'
    if "content_range" in problem.extra:
        headers["Content-Range"] = problem.extra["content_range"]
    return headers | problem.headers


def from_request(error: RequestValidationError) -> Problem:
    """Turn FastAPI's finding into a problem: 400 not JSON, 415 not sent as JSON, else 422 or 400.

    Faults of the body are 422, of parameters alone 400.
    """
    errors: Sequence[Mapping[str, Any]] = error.errors()
    if any(item["type"] == "json_invalid" for item in errors):
        return Problem("REQ-4001")
    if isinstance(error.body, bytes):  # left unparsed: its Content-Type does not say JSON
        return Problem("REQ-4151")
    faults = [_fault(item, error.body) for item in errors]
    code = "REQ-4221" if any(fault.place == "body" for fault in faults) else "REQ-4003"
    return Problem(code, faults=faults)


def from_model(error: ValidationError, body: Json) -> Problem:
    """Turn pydantic's finding on a body that a route parsed itself into a problem (422)."""
    items = error.errors(include_url=False, include_input=False)
    faults = [_fault({**item, "loc": ("body", *item["loc"])}, body) for item in items]
    return Problem("REQ-4221", faults=faults)


def pointer(*parts: str | int) -> str:
    """Return the RFC 6901 pointer of these members."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _fault(item: Mapping[str, Any], body: Json) -> Fault:
    first, *rest = item["loc"]
    place: Place = first if first in {"query", "path", "header"} else "body"
    where = _in_body(rest, body, item["type"]) if place == "body" else pointer(*rest)
    template = _VIETNAMESE.get(item["type"], "Giá trị không hợp lệ.")
    return Fault(
        where, template.format_map(_in_vietnamese(item.get("ctx", {}))), item["msg"], place
    )


def _in_vietnamese(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pydantic found, with its enumerations (`'a', 'b' or 'c'`) without English."""
    return {
        name: value.replace("' or '", "' hoặc '") if isinstance(value, str) else value
        for name, value in context.items()
    }


def _in_body(path: Sequence[str | int], body: Json, kind: str) -> str:
    # pydantic mixes names of union members into the path; only what is in the body counts.
    found: list[str | int] = []
    node: Any = body
    for number, part in enumerate(path):
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            if kind != "missing" or number < len(path) - 1:
                continue
        found.append(part)
    return pointer(*found)
