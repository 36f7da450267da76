"""From a document's number to what holds it up: `make trace` says it at each step of its life."""

import asyncio
import re
import secrets
import subprocess
import sys

import pytest

from infra.client import connect
from infra.demo.plan import Plan
from infra.demo.send import write_letter
from infra.doctor.standing import standing
from infra.stack.folder import TREE
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.story import reach, receive, upload

_TO = "H14"


async def test_a_document_is_followed_to_what_it_waits_for(stack: Stack) -> None:
    run = stack.folder.path
    async with connect(run, ["sys-g22", "sys-h14"]) as systems:
        sender = systems["sys-g22"]
        plan = Plan(({"agency": _TO},), 1, ())
        # Of nobody else: traces are found by it, whoever sent.
        number = f"{secrets.randbelow(10**8)}t"
        letter = await asyncio.to_thread(write_letter, run, number, plan)

        async def says(awaited: str) -> str:
            async def told() -> str | None:
                text = "\n".join(await standing(stack.folder, letter.code))
                print(text)  # noqa: T201 (shown when it stays so)
                return text if awaited in text else None

            return await eventually(told, awaited, timeout=30)

        await says(f"docs knows no document {letter.code}")
        draft = (await sender.ask("POST", "/v1/documents", body=letter.description)).json()
        await upload(sender, f"/v1/documents/{draft['id']}", "MAIN", letter.main)
        await says("of G22: draft\n  waits for: its sender, who has not dispatched it")
        await stack.kill("signing", hold=True)
        try:
            path = f"/v1/documents/{draft['id']}/dispatches"
            where = (await sender.ask("POST", path, body={})).headers["Location"]
            await says("waiting; 1 recipients, 0 numbered")
            await says("    waits for: signing, which has not read of it")
        finally:
            await stack.start("signing")
        arrived = await reach(sender, where, "available", recipients=1)
        await says(f"    waits for: its recipients to fetch and acknowledge it: {_TO}")
        await receive(systems["sys-h14"], _TO, arrived["id"])
        await says("1 acknowledged, 0 failed\n    waits for nothing")
    await _traced(stack, letter.code)


async def _traced(stack: Stack, code: str) -> None:
    """The tree names agencies by their codes only, and then says where the document stands."""

    async def complete() -> str | None:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "infra.trace", "--code", code],
            check=False,
            cwd=TREE,
            env={"LIENTHONG_RUN": str(stack.folder.path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        return done.stdout if "acknowledge delivery" in done.stdout else None

    text = await eventually(complete, "the last span is in Jaeger", timeout=30, pause=0.5)
    assert set(re.findall(r"\bto=(\S+)", text)) == {_TO}
    assert re.search(r"^last: \w+ .+ UTC$", text, re.MULTILINE)
    assert text.rstrip().endswith("waits for nothing")


@pytest.mark.parametrize("code", ["", "1' or '1'='1", "0/KHÔNG-CÓ"])
async def test_a_number_that_nobody_has_is_said_to_be_unknown(stack: Stack, code: str) -> None:
    assert await standing(stack.folder, code) == [f"docs knows no document {code}"]
