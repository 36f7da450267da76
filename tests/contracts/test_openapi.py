"""The merged OpenAPI document: two languages, examples, problems by status, no finding."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.contracts import openapi, spectral
from infra.contracts.tags import tag_of

DOCUMENT: dict[str, Any] = json.loads(openapi.MERGED.read_text(encoding="utf-8"))


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, path and description of every operation."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


OPERATIONS = list(operations())
NAMES = [f"{method} {path}" for method, path, _operation in OPERATIONS]


def test_spectral_finds_nothing():
    assert spectral.findings() == []


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_what_an_operation_does_is_said_in_both_languages(
    method: str, path: str, operation: dict[str, Any]
):
    vietnamese = operation.get("x-summary-vi")
    assert operation["summary"], f"told() is missing at {method} {path}"
    assert vietnamese, f"told() is missing at {method} {path}"
    assert not vietnamese.isascii(), "Vietnamese without its letters"
    assert operation["description"].startswith(f"**{vietnamese}**")


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_refusals_follow_from_what_an_operation_takes(
    method: str, path: str, operation: dict[str, Any]
):
    statuses = operation["responses"].keys()
    assert "default" not in statuses, "it would hide what is not documented"
    assert {"400", "429", "503"} <= statuses
    if "security" in operation:
        assert {"401", "403"} <= statuses
    if "requestBody" in operation:
        assert {"408", "413", "415", "422"} <= statuses
    if "{" in path:
        assert "404" in statuses, method


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_every_answer_in_json_has_a_shape(method: str, path: str, operation: dict[str, Any]):
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if kind.endswith("json"):
                assert content.get("schema"), f"{method} {path} {status}: answers={{…}} for told()"


def test_a_path_without_a_heading_is_refused():
    with pytest.raises(LookupError, match="no heading"):
        tag_of("/v1/anything")


def test_what_nothing_leads_to_is_left_out():
    used = openapi._used(  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        {"$ref": "#/components/schemas/A"},
        {"schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {}, "C": {}}, "headers": {}},
    )
    assert used == {"schemas": {"A": {"$ref": "#/components/schemas/B"}, "B": {}}}
