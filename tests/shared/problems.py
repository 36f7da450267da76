"""What every problem answer has to hold."""

from typing import Any

import httpx2


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    for field in ("title", "detail", "hint"):
        assert body[field]
        assert body[f"{field}_en"]
    assert body["type"] == f"/v1/problems/{code}"
    assert body["status"] == status
    assert body["trace_id"] == answer.headers["trace-id"]
    assert len(body["trace_id"]) == 32
    return body
