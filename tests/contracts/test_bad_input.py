"""Every operation, asked wrongly in every way that means anything for it, is refused by name."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from infra.contracts import openapi
from infra.contracts.tour.guide import Exchange, Guide
from shared.errors import problem_types
from tests.contracts.wrong import WAYS, Right
from tests.life.refusals import problem_of

TABLE = Path(__file__).with_name("bad_input.md")
NOTHING = "-"
DOCUMENT: dict[str, Any] = json.loads(openapi.MERGED.read_text(encoding="utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": {**operation, "method": method.upper()}
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def _rows() -> dict[str, dict[str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    (_, *ways), _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert ways == list(WAYS)
    return {name: dict(zip(ways, cells, strict=True)) for name, *cells in rows}


ROWS = _rows()
CELLS = [
    (name, way, code)
    for name, row in ROWS.items()
    for way, code in row.items()
    if code != NOTHING and name in OPERATIONS
]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_its_row_with_a_code_for_each_way(name: str):
    ways = [way for way, (applies, _make) in WAYS.items() if applies(OPERATIONS[name])]
    assert name in ROWS, f"{TABLE.name} lacks {name}; codes are wanted for: {', '.join(ways)}"
    assert [way for way, code in ROWS[name].items() if code != NOTHING] == ways


def test_no_row_is_about_what_does_not_exist():
    assert ROWS.keys() - OPERATIONS.keys() == set()


def test_what_is_foreign_looks_like_what_is_absent():
    differing = {
        name for name, row in ROWS.items() if row["foreign id"] not in {NOTHING, row["absent id"]}
    }
    assert differing == set()


@pytest.mark.parametrize(("name", "way", "code"), CELLS, ids=[f"{n}-{w}" for n, w, _c in CELLS])
async def test_it_is_refused_by_name(toured: Guide, name: str, way: str, code: str):
    right = Right(toured, name, OPERATIONS[name], _right(toured, name))
    asked = WAYS[way][1](right)
    answer = await toured.send(
        asked.method,
        asked.path,
        asked.by,
        headers=asked.headers,
        data=lambda: None if asked.body is None else BytesIO(asked.body),
        again=frozenset({429}),
    )
    assert answer.status == problem_types()[code].status, answer.body.decode()
    problem = problem_of(answer)
    assert problem["code"] == code
    assert way != "wrong scope" or problem["required_scope"], "it must say which scope is missing"
    assert str(answer.status) in OPERATIONS[name]["responses"]


def _right(toured: Guide, name: str) -> Exchange:
    """Return the first request to an operation that went well, rather one with a body."""
    found = toured.seen()[name]
    return min(found, key=lambda one: (one.status >= 300, one.sent is None))
