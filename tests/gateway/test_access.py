"""The route table: what is in it exists, nothing else does; literal segments come first."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access import TABLE, Route, Table, load
from shared.errors import Problem

ROUTES = [
    Route("docs", "GET", "/v1/deliveries/{delivery_id}", ("documents.send",)),
    Route("notify", "GET", "/v1/deliveries/{delivery_id}/receipt", ("documents.receive",)),
    Route("notify", "POST", "/v1/inbox/leases", ("documents.receive",)),
    Route("notify", "DELETE", "/v1/inbox/{entry}", ()),
    Route("signing", "GET", "/pki/{ca}/crl", None),
]


def owner(method: str, path: str) -> str:
    return Table(ROUTES).match(method, path).service


def refusal(method: str, path: str) -> Problem:
    with pytest.raises(Problem) as refused:
        Table(ROUTES).match(method, path)
    return refused.value


def test_a_request_goes_to_the_one_owner():
    assert owner("GET", "/v1/deliveries/7") == "docs"
    assert owner("GET", "/v1/deliveries/7/receipt") == "notify"
    assert owner("GET", "/pki/root/crl") == "signing"


def test_literal_segments_win_but_hide_no_other_method():
    assert owner("POST", "/v1/inbox/leases") == "notify"
    assert Table(ROUTES).match("DELETE", "/v1/inbox/leases").path == "/v1/inbox/{entry}"
    problem = refusal("PUT", "/v1/inbox/leases")
    assert (problem.code, problem.extra["allow"]) == ("REQ-4051", "DELETE, POST")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/deliveries",
        "/v1/deliveries/",
        "/v1/deliveries/.",
        "/v1/deliveries/..",
        "/v1/deliveries/../receipt",
        "/v1/deliveries/7/",
        "/v1//deliveries/7",
        "/V1/deliveries/7",
        "v1/deliveries/7",
        "/v1/deliveries/7/receipt/x",
        "/internal/agencies",
    ],
)
def test_what_is_not_declared_does_not_exist(path: str):
    assert refusal("GET", path).code == "REQ-4041"


@given(st.text(), st.sampled_from(["GET", "POST", "DELETE", "BREW"]))
def test_any_path_has_one_answer(path: str, method: str):
    try:
        found = Table(ROUTES).match(method, path).method
    except Problem as problem:
        found = problem.code
    assert found in {method, "REQ-4041", "REQ-4051"}


def test_every_row_of_the_committed_table_is_found_by_an_example_of_its_path():
    table = load()
    for row in json.loads(TABLE.read_text(encoding="utf-8")):
        parts = row["path"].split("/")
        example = "/".join("0190" if part.startswith("{") else part for part in parts)
        assert table.match(row["method"], example).path == row["path"]
