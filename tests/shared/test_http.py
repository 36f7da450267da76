"""Every failure of a request is a problem with a name, both languages, a place and a trace id."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from shared import intake
from shared.errors import Problem, Unavailable
from shared.http import create_app
from shared.intake import LIMIT, lift
from tests.fixtures.serving import serving
from tests.shared.hostile_json import HOSTILE_JSON
from tests.shared.problems import problem

router = APIRouter()


class ByCode(BaseModel):
    agency: str = Field(min_length=1, max_length=35)


class BySelection(BaseModel):
    select: dict[str, str]


class Draft(BaseModel):
    subject: str = Field(max_length=500)
    urgency: Literal["normal", "urgent"] = "normal"
    recipients: list[ByCode | BySelection] = Field(default=[], max_length=3)
    copies: int = 1


@router.post("/drafts")
async def post_draft(body: Draft) -> dict[str, Any]:
    return body.model_dump()


@router.get("/things/{thing}")
async def get_thing(thing: UUID, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    return {"thing": thing, "limit": limit}


@router.put("/files/{name}")
async def put_file(name: str, request: Request) -> dict[str, int]:
    lift(request, 3 * LIMIT)
    return {name: sum([len(chunk) async for chunk in request.stream()])}


@router.get("/broken")
async def get_broken() -> None:
    raise LookupError("a secret detail")


@router.get("/cut")
async def get_cut() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"the first part"
        await asyncio.sleep(0.01)
        raise LookupError("a bad block")

    return StreamingResponse(chunks(), headers={"Content-Length": "1000"})


@router.post("/slow")
async def post_slow() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"the first part"
        await asyncio.sleep(0.5)
        yield b"the last part"

    return StreamingResponse(chunks())


@router.get("/waiting")
async def get_waiting() -> None:
    raise Unavailable("PostgreSQL", retry_after=3)


@router.get("/refused")
async def get_refused() -> None:
    raise Problem("AUT-4031", vi="Không.", en="No.", required_scope="operator")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(title="test", routers=[router])
    async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
        yield client


@pytest.mark.parametrize("body", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
async def test_what_is_not_strict_json_is_400(client: httpx2.AsyncClient, body: bytes):
    headers = {"Content-Type": "application/json"}
    problem(await client.post("/drafts", content=body, headers=headers), 400, "REQ-4001")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b"{}",
        b"",
        b'{"subject": {"a": 1}}',
        b"[" * 99 + b"]" * 99,
    ],
)
async def test_json_of_another_shape_is_422(client: httpx2.AsyncClient, body: bytes):
    answer = await client.post(
        "/drafts", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert problem(answer, 422, "REQ-4221")["errors"]


async def test_a_hundred_levels_are_enough(client: httpx2.AsyncClient):
    body = b'{"subject": "x", "more": ' + b"[" * 99 + b"]" * 99 + b"}"
    answer = await client.post(
        "/drafts", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200


async def test_literal_backslashes_before_u0000_are_no_nul(client: httpx2.AsyncClient):
    answer = await client.post(
        "/drafts", content=b'{"subject": "\\\\u0000"}', headers={"Content-Type": "application/json"}
    )
    assert answer.json()["subject"] == "\\u0000"


@pytest.mark.parametrize("kind", ["application/xml", "text/plain", "", "nonsense", "text/json"])
async def test_another_content_type_is_415(client: httpx2.AsyncClient, kind: str):
    answer = await client.post(
        "/drafts", content=b'{"subject": "x"}', headers={"Content-Type": kind} if kind else {}
    )
    problem(answer, 415, "REQ-4151")


@pytest.mark.parametrize("kind", ["application/json", "application/xml"])
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_a_mebibyte_is_413(
    client: httpx2.AsyncClient, kind: str, *, chunked: bool
):
    body = b'{"subject": "' + b"x" * LIMIT + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = chunks() if chunked else body
    answer = await client.post("/drafts", content=content, headers={"Content-Type": kind})
    assert problem(answer, 413, "REQ-4131")["limit"] == LIMIT


async def test_a_json_body_that_does_not_end_is_408(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "JSON_SECONDS", 0.2)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    answer = await client.post(
        "/drafts", content=slow(), headers={"Content-Type": "application/json"}
    )
    problem(answer, 408, "REQ-4081")


SILENT = {
    "a model, sent as text": b"POST /drafts HTTP/1.1\r\nContent-Type: text/plain\r\n",
    "a model, no type": b"POST /drafts HTTP/1.1\r\n",
    "a model, sent as JSON": b"POST /drafts HTTP/1.1\r\nContent-Type: application/json\r\n",
    "an upload": b"PUT /files/a HTTP/1.1\r\nContent-Type: application/pdf\r\n",
}


@pytest.mark.parametrize("head", SILENT.values(), ids=SILENT)
@pytest.mark.parametrize("sent", [b"", b"{}"])
async def test_a_body_that_falls_silent_is_408(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, head: bytes, sent: bytes
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(head + b"Host: x\r\nContent-Length: 100\r\n\r\n" + sent)
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n")
        await reader.readuntil(b'"REQ-4081"')
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_slow_body_that_goes_on_is_taken(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 3.0)

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x" * 1024
            await asyncio.sleep(0.45)

    answer = await client.put("/files/a", content=slow())
    assert answer.json() == {"a": 8 * 1024}


async def test_an_answer_may_take_longer_than_a_body_may_pause(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    async with asyncio.timeout(10):
        assert b" 200 " in await reader.readuntil(b"\r\n")
        await reader.readuntil(b"the last part")
    writer.close()


async def test_a_route_may_take_more(client: httpx2.AsyncClient):
    answer = await client.put("/files/a", content=b"x" * (2 * LIMIT))
    assert answer.json() == {"a": 2 * LIMIT}
    answer = await client.put("/files/a", content=b"x" * (4 * LIMIT))
    problem(answer, 413, "REQ-4131")


async def test_faults_of_the_body_have_pointers_into_it(client: httpx2.AsyncClient):
    draft = {"urgency": "asap", "recipients": [{"agency": "H14"}, {"agency": ""}]}
    answer = await client.post("/drafts", json=draft)
    faults = {
        fault["pointer"]: (fault["in"], fault["detail"], fault["detail_en"])
        for fault in problem(answer, 422, "REQ-4221")["errors"]
    }
    assert faults["/subject"] == ("body", "Thiếu trường bắt buộc.", "Field required")
    assert faults["/urgency"][1] == "Phải là một trong: 'normal' hoặc 'urgent'."
    assert faults["/recipients/1/agency"][1] == "Phải có ít nhất 1 ký tự."


async def test_faults_of_parameters_are_400(client: httpx2.AsyncClient):
    answer = await client.get("/things/not-a-uuid", params={"limit": "many"})
    faults = problem(answer, 400, "REQ-4003")["errors"]
    assert [(fault["in"], fault["pointer"]) for fault in faults] == [
        ("path", "/thing"),
        ("query", "/limit"),
    ]


async def test_nul_in_path_or_query_is_a_client_error(client: httpx2.AsyncClient):
    problem(await client.get("/things/a%00b"), 404, "REQ-4041")
    path = "/things/0190a6e2-7c1f-7c55-a6b0-5b1d5a0f9a11"
    problem(await client.get(path + "?limit=1%00"), 400, "REQ-4003")


async def test_an_unknown_route_or_method_is_a_problem(client: httpx2.AsyncClient):
    assert problem(await client.get("/nowhere"), 404, "REQ-4041")["instance"] == "/nowhere"
    answer = await client.delete("/drafts")
    problem(answer, 405, "REQ-4051")
    assert answer.headers["allow"] == "POST"
    problem(await client.get("/drafts/"), 404, "REQ-4041")


async def test_an_unexpected_exception_is_500_without_detail(
    client: httpx2.AsyncClient, capfd: pytest.CaptureFixture[str]
):
    answer = await client.get("/broken")
    body = problem(answer, 500, "SYS-5001")
    assert "secret" not in answer.text
    logged = capfd.readouterr()
    assert "a secret detail" in logged.out + logged.err
    assert body["hint"] == "Báo trace_id cho người vận hành."


async def test_an_answer_that_breaks_in_the_middle_is_cut(client: httpx2.AsyncClient):
    with pytest.raises(httpx2.RemoteProtocolError):
        await client.get("/cut")


async def test_unavailable_says_when_to_come_back(client: httpx2.AsyncClient):
    answer = await client.get("/waiting")
    body = problem(answer, 503, "SYS-5031")
    assert answer.headers["retry-after"] == "3"
    assert body["detail_en"] == "PostgreSQL does not answer now."


async def test_a_problem_keeps_its_extension_members(client: httpx2.AsyncClient):
    body = problem(await client.get("/refused"), 403, "AUT-4031")
    assert (body["required_scope"], body["detail"], body["detail_en"]) == (
        "operator",
        "Không.",
        "No.",
    )
