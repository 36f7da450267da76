"""Fail points: listed from the code, and given to one life of one service."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import uuid4

import pytest

from infra.client import connect
from infra.failpoints import failpoints
from infra.stack.folder import SERVICES, TREE, Folder
from infra.stack.services import Instance, Where
from tests.fixtures.stack import Stack
from tests.life.refusals import draft


def test_every_fail_point_has_a_name_of_its_own():
    names = [name for name, _ in failpoints()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(\.[a-z_]+)+", name) for name in names)


def test_a_fail_point_is_told_to_one_life_only(tmp_path: Path):
    urls: dict[str, str] = dict.fromkeys(SERVICES, "http://127.0.0.1:1")
    where = Where(urls, 1, "127.0.0.1:2", "http://127.0.0.1:3", "seed.csv")
    folder = Folder(tmp_path)
    given = {
        "FAILPOINT": "relay.after_send",
        "LIFE_FAKETIME": "+1d",
        "DOCS_SIGNING_URL": "http://127.0.0.1:9",
    }
    instance = Instance("docs", 1, folder, where, 3, 4, "http://127.0.0.1:5", given)
    first, second = instance.launch().env, instance.launch().env
    assert first["FAILPOINT"] == "relay.after_send"
    assert first["FAKETIME"] == "+1d"
    assert not {"FAILPOINT", "FAKETIME", "LIFE_FAKETIME"} & {*second}
    assert second["DOCS_SIGNING_URL"] == "http://127.0.0.1:9"


@pytest.mark.stack
@pytest.mark.timeout(120)
async def test_a_service_dies_at_its_fail_point_and_the_repeated_request_succeeds(stack: Stack):
    log = stack.folder.log("supervisor")
    before = log.read_text().count("docs was killed by signal 9")
    async with connect(stack.folder.path, ["sys-g22"]) as systems:
        await stack.start("docs", failpoint="docs.accept.document_inserted")
        made = await systems["sys-g22"].ask(
            "POST", "/v1/documents", body=draft(), headers={"Idempotency-Key": str(uuid4())}
        )
    assert made.status == 201
    assert log.read_text().count("docs was killed by signal 9") == before + 1
    await stack.wait("docs")


async def test_a_process_takes_the_point_that_is_laid_for_it_while_it_runs(tmp_path: Path):
    laid = tmp_path / "docs.failpoint"
    env = {**os.environ, "FAILPOINT_FILE": str(laid), "PYTHONPATH": str(TREE)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PASSES), env=env, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for laying, names in (("", "some other"), ("other:2", "some other some"), ("", "other")):
        if laying:
            laid.write_text(laying)
        process.stdin.write(f"{names}\n".encode())
        if names != "other":
            assert (await process.stdout.readline()).split() == names.encode().split()
            assert not laid.exists()
    assert await process.wait() == -signal.SIGKILL


_PASSES = """
import sys
from shared.failpoint import reach

for line in sys.stdin:
    for name in line.split():
        reach(name)
    print(line, end="", flush=True)
"""
