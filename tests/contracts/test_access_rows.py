"""Who is answered what stands in a table: a new route without its row fails here, at once."""

import json
from typing import Any

import pytest

from infra.contracts import openapi
from tests.proof.access.asking import LAST, Operation, operations
from tests.proof.access.matrix import NOTHING, TABLE, columns, expected, objects

DOCUMENT: dict[str, Any] = json.loads(openapi.MERGED.read_text(encoding="utf-8"))
OPERATIONS = {operation.name: operation for operation in operations(DOCUMENT)}
ROWS = expected()
OPEN = {"GET /v1/agencies/{code}", "GET /v1/problems/{code}"}
"""What is the same for all who may ask: the directory, and what codes mean."""


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))
def test_an_operation_has_a_row_with_a_status_in_each_column_that_means_something(
    operation: Operation,
):
    wanted = columns(operation)
    assert operation.name in ROWS, f"{TABLE.name} lacks {operation.name}; it needs {wanted}"
    row = ROWS[operation.name]
    assert tuple(column for column, status in row.items() if status != NOTHING) == wanted


def test_no_row_is_about_what_does_not_exist():
    assert ROWS.keys() - OPERATIONS.keys() == set()
    assert set(LAST) <= OPERATIONS.keys()


def test_what_is_foreign_is_refused_and_nobody_without_a_token_comes_in():
    for name, operation in OPERATIONS.items():
        path = DOCUMENT["paths"][operation.path][operation.method.lower()]
        if "security" in path:
            assert ROWS[name]["none"] == "401", name
            assert ROWS[name]["suspended"] == "403", name
        if objects(operation) and name not in OPEN:
            refused = {ROWS[name]["foreign sender"], ROWS[name]["foreign receiver"]}
            assert refused <= {"403", "404"}, name
