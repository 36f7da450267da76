"""How a refusal must look, whoever gives it: one place for the shape of problems (RFC 9457)."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from infra.client import Answer, Client, Json, Refused
from infra.demo.plan import Plan, next_number
from infra.demo.send import Letter, write_letter
from infra.stack.folder import Folder
from tests.life.story import PROVINCE, upload


async def refused(
    client: Client,
    method: str,
    path: str,
    *,
    status: int | tuple[int, ...],
    pointer: str | None = None,
    **ask: Any,  # noqa: ANN401 (what `Client.ask` takes)
) -> Json:
    """Send what must be refused; check status and shape of the problem, and return it."""
    with pytest.raises(Refused) as caught:
        await client.ask(method, path, **ask)
    answer = caught.value.answer
    allowed = status if isinstance(status, tuple) else (status,)
    assert answer.status in allowed, answer.body.decode()
    problem = problem_of(answer)
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]], problem
        assert all(error["detail"] and error["detail_en"] for error in problem["errors"])
    return problem


def problem_of(answer: Answer) -> Json:
    """Return the problem of a refusal, after a look at its shape."""
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer
    problem: Json = answer.json()
    for member in ("type", "code", "title", "title_en", "hint", "hint_en", "instance", "trace_id"):
        assert problem.get(member), f"{member} is missing: {problem}"
    assert problem["status"] == answer.status
    assert len(problem["trace_id"]) == 32
    return problem


def draft(**changes: object) -> Json:
    """Return a good draft with changes; a change to None takes the member out."""
    good: Json = {
        "number": "1",
        "notation": "VPCP-TTĐT",
        "type": "cong_van",
        "subject": "V/v thử nghiệm",
        "promulgated_on": "2026-11-22",
        "recipients": [{"agency": PROVINCE}],
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


async def letter_to_province(client: Client) -> Letter:
    """Write a good letter to the province."""
    run = Folder.here().path
    plan = Plan(({"agency": PROVINCE},), 1, ())
    return await asyncio.to_thread(write_letter, run, await next_number(client), plan)


async def draft_with_files(client: Client, files: Mapping[str, bytes], **changes: object) -> str:
    """Make a draft with its files uploaded; returns its path."""
    answer = await client.ask("POST", "/v1/documents", body=draft(**changes))
    path = f"/v1/documents/{answer.json()['id']}"
    for role, content in files.items():
        await upload(client, path, role, content)
    return path
