"""Schemathesis as `make contracts` uses it finds what a document does not say."""

import copy
from typing import Any

import pytest

from infra.contracts import fuzz
from infra.contracts.__main__ import Outcome
from infra.contracts.tour.guide import guided
from tests.fixtures.stack import Stack

ASKED = "GET /v1/agencies/{code}"


@pytest.mark.parametrize("planted", ["nothing", "status", "shape"])
async def test_what_is_not_documented_is_found(
    stack: Stack, document: dict[str, Any], planted: str
):
    said = copy.deepcopy(document)
    answers = said["paths"]["/v1/agencies/{code}"]["get"]["responses"]
    if planted == "status":
        del answers["404"]
    if planted == "shape":
        answers["200"]["content"]["application/json"]["schema"] = {"type": "array"}
    async with guided(stack.folder.path) as guide:
        token = await guide.systems["sys-g22"].token()
    subjects = {ASKED: fuzz.Subject(token, {"code": "H14"})}
    found = fuzz.fuzz(said, guide.gateway, subjects, examples=4)
    assert found.operations == 1
    assert found.statuses.keys() >= {200, 404}
    assert found.server_errors == []
    assert bool(found.undocumented) == (planted != "nothing"), found.undocumented


@pytest.mark.parametrize(
    ("counts", "good"),
    [
        ((0, 0, 5, 5, 0, 0), True),
        ((1, 0, 5, 5, 0, 0), False),
        ((0, 1, 5, 5, 0, 0), False),
        ((0, 0, 5, 4, 0, 0), False),
        ((0, 0, 5, 5, 1, 0), False),
        ((0, 0, 5, 5, 0, 1), False),
        ((0, 0, 0, 0, 0, 0), False),
    ],
)
def test_only_a_whole_contract_is_good(counts: tuple[int, ...], good: bool):  # noqa: FBT001
    assert Outcome(*counts).good() == good
