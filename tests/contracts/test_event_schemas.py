"""The schemas in the tree are those of the code, and no published type broke its promise."""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from infra.contracts.compatible import broken
from infra.contracts.schemas import FOLDER, generate, schema_of, stale
from infra.stack.folder import TREE
from shared.events import ALL_EVENTS, DocumentDispatched, Event

Change = Callable[[dict[str, Any]], object]


def test_the_schemas_in_the_tree_are_those_of_the_code():
    assert stale() == [], "python -m infra.contracts.schemas"


def test_every_event_type_has_a_name_of_its_own():
    assert len({event.NAME for event in ALL_EVENTS}) == len(ALL_EVENTS)
    assert all(event.NAME.rsplit(".", 1)[1].startswith("v") for event in ALL_EVENTS)


def _published(name: str) -> list[str]:
    """Return every form that a schema has had in the history of the tree."""
    path = (FOLDER / name).relative_to(TREE)
    history = subprocess.run(
        ["git", "log", "--format=%H", "--", str(path)],  # noqa: S607
        cwd=TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    forms = [
        subprocess.run(
            ["git", "show", f"{commit}:{path}"],  # noqa: S607
            cwd=TREE,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for commit in history.stdout.split()
    ]
    return [form for form in forms if form] or [(FOLDER / name).read_text(encoding="utf-8")]


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.NAME)
def test_old_readers_and_old_events_stay_good(event: type[Event]):
    now = json.loads(generate()[f"{event.NAME}.json"])
    for form in _published(f"{event.NAME}.json"):
        assert broken(json.loads(form), now) == []


def _field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return schema["properties"][name]


BREAKS: dict[str, tuple[Change, str]] = {
    "a field goes": (lambda s: s["properties"].pop("lane"), "/lane: the field is gone"),
    "a field becomes optional": (lambda s: s["required"].remove("lane"), "/lane: required was"),
    "a type changes": (lambda s: _field(s, "document_code").update(type="integer"), "type was"),
    "a value is added": (lambda s: _field(s, "lane")["enum"].append("slow"), "/lane: enum was"),
    "a format changes": (lambda s: _field(s, "sender_id").update(format="uri"), "format was"),
    "a field of a part goes": (
        lambda s: s["$defs"]["FileRef"]["properties"].pop("size"),
        "/files/*/size: the field is gone",
    ),
    "a new field is required": (
        lambda s: (s["properties"].update(new={"type": "string"}), s["required"].append("new")),
        "/new: a new field must be optional",
    ),
}


@pytest.mark.parametrize("case", BREAKS)
def test_a_broken_promise_is_seen(case: str):
    change, finding = BREAKS[case]
    old = schema_of(DocumentDispatched)
    new = deepcopy(old)
    change(new)
    assert any(finding in found for found in broken(old, new)), broken(old, new)


def test_an_optional_field_may_be_added():
    old = schema_of(DocumentDispatched)
    new = deepcopy(old)
    new["properties"]["remark"] = {"type": "string", "default": ""}
    assert broken(old, new) == []
