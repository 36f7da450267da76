"""A client that is generated from the document talks to the running stack."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from infra.client import Client, connect
from infra.contracts.openapi import MERGED
from infra.contracts.tour.sending import draft
from tests.fixtures.stack import Stack

CONFIG = MERGED.parents[2] / "infra" / "contracts" / "python_client.yaml"
PACKAGE = "lienthong_client"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the generated package lies, importable for as long as these tests run."""
    folder = tmp_path_factory.mktemp("client")
    command = [
        Path(sys.executable).with_name("openapi-python-client"),
        *("generate", "--path", MERGED, "--config", CONFIG, "--meta", "none"),
        *("--output-path", folder / PACKAGE, "--fail-on-warning"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


def call(tag: str, operation: str) -> ModuleType:
    """Return the generated module of an operation."""
    return import_module(f"{PACKAGE}.api.{tag}.{operation}")


def test_every_operation_of_the_document_can_be_called(folder: Path, document: Mapping[str, Any]):
    wanted = {
        f"{operation['tags'][0]}/{operation['operationId']}"
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    made = {f"{file.parent.name}/{file.stem}" for file in folder.glob(f"{PACKAGE}/api/*/*.py")}
    assert wanted - made == set()


@pytest.mark.usefixtures("folder")
async def test_it_writes_a_draft_reads_it_and_lists_the_inbox(stack: Stack):
    models: Any = import_module(f"{PACKAGE}.models")
    async with connect(stack.folder.path, ["sys-g22", "sys-h14"]) as systems:
        sender, recipient = [_client(stack, await one.token()) for one in _two(systems)]
    async with sender, recipient:
        body = _body(models, call("documents", "post_document"))
        made = await call("documents", "post_document").asyncio_detailed(
            client=sender, body=body, idempotency_key=str(uuid4())
        )
        assert made.status_code == 201, made.content
        document_id = json.loads(made.content)["id"]
        seen = await call("documents", "get_document").asyncio_detailed(document_id, client=sender)
        assert json.loads(seen.content)["number"] == draft()["number"]
        inbox = await call("inbox", "get_inbox").asyncio_detailed(client=recipient, limit=2)
        assert inbox.status_code == 200
        assert inbox.parsed.items is not None, "the answer is an object of its model"
        refused = await call("documents", "get_document").asyncio_detailed(
            document_id, client=recipient
        )
        assert (refused.status_code, refused.parsed.code) == (404, "REQ-4041")


def _two(systems: Mapping[str, Client]) -> list[Client]:
    return [systems["sys-g22"], systems["sys-h14"]]


def _client(stack: Stack, token: str) -> Any:  # noqa: ANN401 (of the generated package)
    made: Any = import_module(f"{PACKAGE}.client")
    return made.AuthenticatedClient(base_url=stack.url("gateway"), token=token)


def _body(models: Any, operation: ModuleType) -> Any:  # noqa: ANN401 (as above)
    """Return the draft as an object of the model that the operation names first for its body."""
    named = next(name for name in dir(operation) if "Json" in name or name == "DraftBody")
    return getattr(models, named).from_dict(draft())
