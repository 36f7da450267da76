"""The alert rules parse and speak of metrics that exist; the operators' page lists them all."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import aiohttp
import promql_parser
import pytest
import yaml

from infra.doctor.limits import Limits
from infra.stack.folder import TREE
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

RULES = TREE / "infra" / "alerts" / "lienthong.rules.yml"
PAGE = (TREE / "docs" / "operators.md").read_text(encoding="utf-8")
_NAMED = re.compile(r"^# TYPE (\w+) ", re.MULTILINE)
_OF_PROMETHEUS = {"up"}
"""Made by Prometheus itself for every target."""
_FIELDS = {"alert", "expr", "for", "labels", "annotations"}
_LATE = {"docs": "lienthong_blobs_orphaned"}
"""What a service exports only when it has walked over its files: a while after its start."""


@pytest.fixture
async def exported(stack: Stack) -> dict[str, set[str]]:
    """Ask every service which metrics it exports."""
    private: Any = stack.ports["metrics"]
    found: dict[str, set[str]] = {}
    async with aiohttp.ClientSession() as session:
        for service in private:
            found[service] = await eventually(
                partial(_exports, session, f"{private[service][0]}/metrics", _LATE.get(service)),
                f"{service} has counted everything once",
            )
    return found


async def _exports(session: aiohttp.ClientSession, url: str, late: str | None) -> set[str]:
    """Return which metrics a service exports; none before the one that comes late."""
    async with session.get(url) as answer:
        text = await answer.text()
    names = {name for name in _NAMED.findall(text) if not name.endswith("_created")}
    return names if late is None or late in names else set()


def rules() -> Iterator[dict[str, Any]]:
    """Yield every rule of the file."""
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        assert set(group) == {"name", "rules"}
        yield from group["rules"]


def selected(expression: str) -> set[str]:
    """Return the metrics of an expression; raises ValueError if Prometheus could not read it."""
    names: set[str] = set()

    def note(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name, "a selector names its metric"
            names.add(node.name)

    promql_parser.walk(promql_parser.parse(expression), note)
    return names


def test_every_rule_has_what_prometheus_and_a_reader_need() -> None:
    seen: set[str] = set()
    for rule in rules():
        name = rule["alert"]
        assert rule.keys() <= _FIELDS, name
        assert name not in seen, name
        assert rule["labels"]["severity"] in {"critical", "warning"}, name
        assert rule["annotations"].keys() == {"summary", "action"}, name
        assert selected(rule["expr"]), name
        promql_parser.parse_duration(rule.get("for", "1m"))
        seen.add(name)
    assert seen


async def test_every_rule_speaks_of_metrics_that_exist(exported: dict[str, set[str]]) -> None:
    known = set[str]().union(*exported.values()) | _OF_PROMETHEUS
    for rule in rules():
        assert selected(rule["expr"]) <= known, rule["alert"]


async def test_the_page_lists_what_each_service_exports(exported: dict[str, set[str]]) -> None:
    listed = re.findall(r"^\| `(lienthong_\w+)` \| ([\w, ]+) \|", PAGE, re.MULTILINE)
    told = {name: set(exported) if of == "all" else set(of.split(", ")) for name, of in listed}
    every = {name for names in exported.values() for name in names if name.startswith("lienthong_")}
    assert told == {name: {s for s in exported if name in exported[s]} for name in every}


def test_what_can_last_has_an_alert() -> None:
    """Each metric of the page is in some rule."""
    listed = set(re.findall(r"^\| `(lienthong_\w+)` \|", PAGE, re.MULTILINE))
    watched = set[str]().union(*(selected(rule["expr"]) for rule in rules()))
    assert listed <= watched


def test_the_page_lists_the_doctors_settings() -> None:
    rows = re.findall(r"^\| `DOCTOR_(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)
    fields = Limits.model_fields
    assert {name.lower(): float(value) for name, value in rows} == {
        name: float(fields[name].default) for name in fields
    }
