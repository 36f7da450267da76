"""House rules about words that stand in one list: events, span attributes, problem codes."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.structure.rules import Rule
from tests.structure.tree import CODE, Module, Tree, strings

EVENTS = "shared/events/types.py"
MORE_EVENTS = "shared/events/deliveries.py"
TOPICS = "shared/events/topics.py"
SCHEMAS = "shared/events/schema/"
TELEMETRY = "shared/telemetry.py"
PROBLEMS = "shared/problems.toml"
PROBLEM_CODE = re.compile(r"\b[A-Z]{3}-[1-5]\d{3}\b")
ATTRIBUTE = re.compile(r"lienthong(\.[a-z_]+)+")
README = "README.md"
SERVICE_FOLDERS = ("gateway", "docs", "signing", "notify")
PROBLEM_ROW = {"status", "title", "title_en", "hint", "hint_en"}


def _one(tree: Tree, path: str) -> Module | None:
    return next((module for module in tree.python if module.path == path), None)


def _event_names(module: Module) -> Iterator[tuple[str, str]]:
    for node in module.body.body:
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == "NAME":
                    assert part.value is not None
                    yield node.name, str(ast.literal_eval(part.value))


def events_have_topic_and_schema(tree: Tree) -> Iterator[str]:
    types, topics = _one(tree, EVENTS), _one(tree, TOPICS)
    if types is None or topics is None:
        yield f"{EVENTS}, {TOPICS}: missing"
        return
    placed = {
        ast.unparse(entry)
        for call in ast.walk(topics.body)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Topic"
        for entry in ast.walk(call.args[1] if len(call.args) > 1 else call)
        if isinstance(entry, ast.Name)
    }
    for module in tree.python:
        if module.path not in {EVENTS, MORE_EVENTS}:
            continue
        for kind, name in _event_names(module):
            if kind not in placed:
                yield f"{module.path}: {kind} stands on no topic of {TOPICS}"
            if f"{SCHEMAS}{name}.json" not in tree.paths:
                yield f"{module.path}: {kind} has no {SCHEMAS}{name}.json (make schemas)"


def span_attributes_are_listed(tree: Tree) -> Iterator[str]:
    telemetry = _one(tree, TELEMETRY)
    listed = {text for _, text in strings(telemetry.body)} if telemetry else set[str]()
    for module in tree.modules(*CODE):
        if module.path == TELEMETRY or module.path.startswith("shared/events/"):
            continue
        for node in _attribute_names(module.body):
            if ATTRIBUTE.fullmatch(str(node.value)) and node.value not in listed:
                yield f"{module.path}:{node.lineno}: {node.value} is not in {TELEMETRY}"


def _attribute_names(body: ast.AST) -> Iterator[ast.Constant]:
    """Yield what could name an attribute: keys of dicts, first arguments of `set_attribute`."""
    for node in ast.walk(body):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Dict):
            found = list(node.keys)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("set_attribute"):
            found = list(node.args[:1])
        yield from (one for one in found if isinstance(one, ast.Constant))


def problem_codes_are_in_the_table(tree: Tree) -> Iterator[str]:
    table = tomllib.loads(tree.text(PROBLEMS))
    for code, row in table.items():
        if set(row) != PROBLEM_ROW or not all(row.values()):
            yield f"{PROBLEMS}: {code} needs exactly {', '.join(sorted(PROBLEM_ROW))}"
        elif not PROBLEM_CODE.fullmatch(code) or not code[4:].startswith(str(row["status"])):
            yield f"{PROBLEMS}: {code} does not carry its status {row['status']}"
    for module in tree.modules(*CODE):
        for line, text in strings(module.body):
            for code in set(PROBLEM_CODE.findall(text)) - set(table):
                yield f"{module.path}:{line}: {code} is not in {PROBLEMS}"


def readme_names_what_is_there(tree: Tree) -> Iterator[str]:
    text = tree.text(README)
    commands = set(re.findall(r"^([a-z-]+):", tree.text("Makefile"), re.MULTILINE))
    for word in re.findall(r"\bmake ([a-z-]+)", text):
        if word not in commands:
            yield f"{README}: there is no `make {word}`"
    folders = {path.rsplit("/", 1)[0] for path in tree.paths}
    for named in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", text):
        whole = named if named.split("/")[0] not in SERVICE_FOLDERS else f"services/{named}"
        if whole.split("/")[0] in (*CODE, "tests") and not (
            whole in tree.paths or any(f == whole.rstrip("/") for f in folders | _parents(folders))
        ):
            yield f"{README}: there is no {whole}"


def _parents(folders: set[str]) -> set[str]:
    return {str(parent) for folder in folders for parent in PurePosixPath(folder).parents}


VOCABULARY: tuple[Rule, ...] = (
    events_have_topic_and_schema,
    span_attributes_are_listed,
    problem_codes_are_in_the_table,
    readme_names_what_is_there,
)
