"""The examples of the document are sent to the running stack, and answered as they say."""

from typing import Any

import jsonschema_rs
import pytest

from infra.contracts import examples
from infra.contracts.tour.guide import Exchange, Guide

NEW = "a step is missing in infra/contracts/tour, or: make examples routes"


def test_every_operation_was_asked(toured: Guide, document: dict[str, Any]):
    wanted = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert wanted - toured.seen().keys() == set(), NEW


def test_every_answer_is_one_that_the_document_names(toured: Guide, document: dict[str, Any]):
    unnamed = [
        (exchange.operation, exchange.status, exchange.media_type)
        for exchange in toured.exchanges
        if not _is_named(_answers(document, exchange).get(str(exchange.status)), exchange)
    ]
    assert unnamed == []


def test_every_answer_has_the_documented_shape(toured: Guide, document: dict[str, Any]):
    wrong: list[str] = []
    for exchange in toured.exchanges:
        answer = _answers(document, exchange)[str(exchange.status)]
        schema = answer.get("content", {}).get(exchange.media_type, {}).get("schema")
        if exchange.answered is not None and schema:
            whole = {**schema, "components": document["components"]}
            errors = jsonschema_rs.validator_for(whole).iter_errors(exchange.answered)
            wrong += [f"{exchange.operation}: {error.message}" for error in errors]
    assert wrong == []


def test_the_recorded_examples_are_what_is_sent_and_answered_now(toured: Guide):
    recorded, fresh = examples.recorded(), examples.of_guide(toured)
    assert recorded.keys() == fresh.keys(), NEW
    assert {
        name: found
        for name, old in recorded.items()
        if (found := examples.differences(old, fresh[name]))
    } == {}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 2}, 0),
        ({"a": 1}, {"a": "1"}, 1),
        ({"a": 1}, {"b": 1}, 2),
        ({"a": None}, {"a": {"b": 1}}, 0),
        ([{"a": 1}], [{"a": 1, "b": 2}], 1),
        ([], [{"a": 1}], 0),
    ],
)
def test_an_example_of_another_shape_is_found(old: object, new: object, found: int):
    assert len(examples.differences(old, new)) == found


def _answers(document: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    method, path = exchange.operation.split(" ", 1)
    answers: dict[str, Any] = document["paths"][path][method.lower()]["responses"]
    return {status: _resolved(document, answer) for status, answer in answers.items()}


def _resolved(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    name = answer.get("$ref", "").rpartition("/")[2]
    return document["components"]["responses"][name] if name else answer


def _is_named(answer: dict[str, Any] | None, exchange: Exchange) -> bool:
    if answer is None:
        return False
    named = answer.get("content", {})
    return not exchange.media_type or exchange.media_type in named or "*/*" in named
