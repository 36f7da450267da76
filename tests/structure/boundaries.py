"""House rules about fail points: one stands behind every effect that no transaction undoes."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from tests.structure.rules import Rule
from tests.structure.tree import Tree

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

_FOLDERS = ("services", "shared")
_FSYNC = {"fsync", "fdatasync"}
_RENAME = {"rename", "renames", "link", "hardlink_to", "symlink_to"}
_SEND = {"send_batch", "send_and_wait", "send_offsets_to_transaction", "commit"}
_HTTP = {"request", "get", "post", "put", "patch", "delete"}
_STATEMENT = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}
_WRITES = re.compile(r"\s*(with\b.*\b)?(insert|update|delete)\b", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[a-z]+(\.[a-z_]+)+")

EXEMPT = {
    "shared/idempotency.py:step": "a savepoint: the request's transaction commits it",
    "shared/inbox.py:forget": "deletes what nobody asks for any more, again after a crash",
    "shared/jwks.py:_fetch": "reads public keys into memory",
    "shared/migrate.py:_run_whole": "nothing is served before it; what has run is written with it",
    "shared/outbox_rows.py:forget": "deletes what nobody asks for any more, again after a crash",
    "shared/outbox_rows.py:note_lost": "noted anew at each look, and nothing is sent before it",
    "shared/outbox_rows.py:park": "relay.before_mark stands behind its only call",
}
"""Functions whose last effect needs no point of its own, and why."""


@dataclass(frozen=True, slots=True)
class _Step:
    """Something in a function, where it is done; a fail point has no `effect`."""

    at: float
    """Its line; half a line more behind a block."""
    effect: str | None


def effects_have_a_fail_point_behind_them(tree: Tree) -> Iterator[str]:
    """Behind each commit, send, rename, fsync and call of another service: before the next one.

    Whatever calls such a function is covered by the point in it: so between any two effects of a
    process there is a point, however far apart they are written.
    """
    used: set[str] = set()
    for module in tree.modules(*_FOLDERS):
        for function in _functions(module.body):
            place = f"{module.path}:{function.name}"
            for step in _bare(_steps(function)):
                if place in EXEMPT:
                    used.add(place)
                else:
                    yield (
                        f"{module.path}:{int(step.at)}: {function.name}: no fail point behind"
                        f" its {step.effect}"
                    )
    paths = {module.path for module in tree.python}
    for place in EXEMPT.keys() - used:
        if place.split(":")[0] in paths:
            yield f"{place}: is exempt and has no effect"


def fail_points_are_literal_and_unique(tree: Tree) -> Iterator[str]:
    """`python -m infra.failpoints` finds them by their text."""
    seen: dict[str, str] = {}
    for module in tree.modules(*_FOLDERS):
        for call in _calls(module.body):
            if not _is_reach(call):
                continue
            place = f"{module.path}:{call.lineno}"
            name = _name(call)
            if name is None or not _NAME.fullmatch(name):
                yield f"{place}: a fail point has one name, a text such as relay.after_send"
            elif name in seen:
                yield f"{place}: {name} stands at {seen[name]} too"
            else:
                seen[name] = place


def _functions(body: ast.AST) -> Iterator[Function]:
    for node in ast.walk(body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _own(function: Function) -> Iterator[ast.AST]:
    """Yield what stands in a function itself, not in functions within it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))


def _calls(body: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(body) if isinstance(node, ast.Call))


def _steps(function: Function) -> list[_Step]:
    """Return the effects and fail points of a function in the order in which it does them."""
    ends = {
        id(item.context_expr): (node.end_lineno or node.lineno) + 0.5
        for node in _own(function)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
        if _attribute(item.context_expr) == "transaction"
    }
    alone = _takes_a_session(function)
    found: list[_Step] = []
    for node in _own(function):
        if isinstance(node, ast.Call):
            if _is_reach(node):
                found.append(_Step(node.lineno, None))
            elif effect := _effect(node, alone=alone):
                found.append(_Step(ends.get(id(node), node.end_lineno or node.lineno), effect))
    return sorted(found, key=lambda step: (step.at, step.effect is None))


def _bare(steps: list[_Step]) -> Iterator[_Step]:
    """Yield the effects that the next effect, or the end, follows without a fail point."""
    for step, following in pairwise([*steps, None]):
        if step and step.effect and (following is None or following.effect):
            yield step


def _effect(call: ast.Call, *, alone: bool) -> str | None:
    name, on = _attribute(call), _receiver(call)
    if name in _FSYNC:
        found = "fsync"
    elif name in _RENAME or (name == "replace" and _renames(call, on)):
        found = "rename"
    elif name in _SEND:
        found = "send"
    elif name in _HTTP and on.endswith("session"):
        found = "call of another service"
    elif name == "transaction" or (alone and name in _STATEMENT and _writes(call)):
        found = "commit"
    else:
        found = None
    return found


def _renames(call: ast.Call, on: str) -> bool:
    """Tell `path.replace(target)` and `os.replace(a, b)` from what texts and times have."""
    return not call.keywords and (on == "os" or len(call.args) == 1)


def _writes(call: ast.Call) -> bool:
    text = call.args[0] if call.args else None
    return isinstance(text, ast.Constant) and bool(_WRITES.match(str(text.value)))


def _takes_a_session(function: Function) -> bool:
    """Say whether it writes by a connection outside of the pools: each statement commits itself."""
    every = [*function.args.args, *function.args.kwonlyargs]
    kinds = {ast.unparse(one.annotation).strip("'\"") for one in every if one.annotation}
    return "Session" in kinds


def _attribute(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""


def _receiver(call: ast.Call) -> str:
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def _is_reach(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "reach"


def _name(call: ast.Call) -> str | None:
    if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Constant):
        return str(call.args[0].value)
    return None


BOUNDARIES: tuple[Rule, ...] = (
    effects_have_a_fail_point_behind_them,
    fail_points_are_literal_and_unique,
)
