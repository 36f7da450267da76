"""The house rules that no other tool holds; each rule yields one sentence per finding."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tests.structure.tree import CODE, Tree, strings

Rule: TypeAlias = Callable[[Tree], Iterator[str]]

MODULE_LINES = 300
FUNCTION_LINES = 40
DOCSTRING_LINES = 3
SHARED_LINES = 7_704
SHARED_PART = 0.25
EVERYWHERE = (*CODE, "tests")
VAGUE = {"service.py", "utils.py", "helpers.py", "common.py", "manager.py"}


def modules_are_short(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*EVERYWHERE):
        if module.lines > MODULE_LINES:
            yield f"{module.path}: {module.lines} lines; split it by step or concept"


def functions_are_short(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*EVERYWHERE):
        for node in ast.walk(module.body):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines"


def modules_say_what_they_own(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*EVERYWHERE):
        text = ast.get_docstring(module.body)
        if text is None:
            yield f"{module.path}: no module docstring"
        elif sum(1 for line in text.splitlines() if line.strip()) > DOCSTRING_LINES:
            yield f"{module.path}: the module docstring is longer than {DOCSTRING_LINES} lines"


def shared_stays_small(tree: Tree) -> Iterator[str]:
    shared = sum(module.lines for module in tree.modules("shared"))
    code = sum(module.lines for module in tree.modules(*CODE))
    if shared > SHARED_LINES:
        yield f"shared: {shared} lines of {SHARED_LINES}"
    if shared > SHARED_PART * code:
        yield f"shared: {shared} of {code} lines of code is more than {SHARED_PART:.0%}"


def names_say_something(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*EVERYWHERE):
        if module.path.rsplit("/", 1)[-1] in VAGUE:
            yield f"{module.path}: this name excludes nothing"


# Provisioning makes roles and databases; doctor, bench and audit look into all: no service's
# store could.
SQL_FILES = re.compile(
    r"services/\w+/store(/\w+|_\w+)?\.py"
    r"|shared/(outbox|outbox_rows|inbox|parking|positions)\.py"
    r"|shared/(migrate|idempotency|agencies|identity|db|db_session)\.py"
    r"|infra/(stack|postgres)/\w+\.py|infra/(doctor|bench|audit)/store(_\w+)?\.py"
)
SQL = re.compile(
    r"\b(select\b.+\bfrom|insert\s+into|update\s+\S+\s+((as\s+)?\w+\s+)?set|delete\s+from"
    r"|(create|alter|drop)\s+(table|index|role|policy|function|schema))\b"
    r"|^\s*select\s+[\w(]",
    re.IGNORECASE | re.DOTALL,
)
SELECT_STAR = re.compile(r"\b(select|returning)\s+(\w+\.)?\*", re.IGNORECASE)


def sql_stands_in_stores(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*CODE):
        if SQL_FILES.fullmatch(module.path):
            continue
        for line, text in strings(module.body):
            if SQL.search(text):
                yield f"{module.path}:{line}: SQL outside a store module"


def no_select_star(tree: Tree) -> Iterator[str]:
    for module in tree.modules(*EVERYWHERE):
        for line, text in strings(module.body):
            if SELECT_STAR.search(text):
                yield f"{module.path}:{line}: name the columns"
    for path in tree.paths:
        if path.endswith(".sql") and SELECT_STAR.search(tree.text(path)):
            yield f"{path}: name the columns"


OWN_CLOCK = {
    "services/docs/directory.py": "which day it is; nothing of it is signed",
    "services/signing/api/signatures.py": "how young an id is, for a 404",
    "services/notify/keys.py": "which key is valid, before anything is written",
    "services/signing/cli.py": "there is no database",
}
"""Whose word has no moment; those of the gateway have none either: tokens are of their second."""


_ASKED = re.compile(r"\b(datetime\.now|time\.time)$")


def what_is_kept_is_of_the_database_s_clock(tree: Tree) -> Iterator[str]:
    for module in tree.modules("services"):
        if module.path in OWN_CLOCK or module.path.startswith("services/gateway/"):
            continue
        for node in ast.walk(module.body):
            if isinstance(node, ast.Attribute) and _ASKED.search(ast.unparse(node)):
                yield f"{module.path}:{node.lineno}: this process's clock; shared.db has `clock`"


def tests_run(tree: Tree) -> Iterator[str]:
    """No test is skipped or expected to fail: the parts are real, so nothing is missing."""
    idle = re.compile(r"\bpytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
    for module in tree.modules("tests"):
        for node in ast.walk(module.body):
            if isinstance(node, ast.Attribute) and idle.fullmatch(ast.unparse(node)):
                yield f"{module.path}:{node.lineno}: {ast.unparse(node)}"


_INSIDE = re.compile(rf"({'|'.join(CODE)})\b|tests\b(?!\.proof\b)")


def the_proof_stands_outside(tree: Tree) -> Iterator[str]:
    """Who judges the exchange uses nothing of it: what it imported could be wrong with it.

    Nor another's tests, which use it; `from … import` of a module counts with its name.
    """
    for module in tree.modules("tests"):
        if not module.path.startswith("tests/proof/"):
            continue
        for node in ast.walk(module.body):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            if isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            else:
                names = [f"{node.module}.{name.name}" for name in node.names]
            for name in names:
                if _INSIDE.match(name):
                    yield f"{module.path}:{node.lineno}: imports {name}, which is not outside"


# Spelt so that this file does not find itself.
REGISTRIES = re.compile(
    r"pypi[.]org|pythonhosted[.]org|maven[.]org|npmjs[.](org|com)"
    r"|(proxy|sum)[.]golang[.]org|crates[.]io|deb[.]debian[.]org"
)
MACHINE = re.compile(r"(?<![\w.$}])/(wor[k]|far[m]|roo[t]|hom[e])/[a-z.]")


def no_hosts_or_paths_of_this_machine(tree: Tree) -> Iterator[str]:
    for path in tree.paths:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if REGISTRIES.search(line):
                yield f"{path}:{number}: names a package registry"
            if MACHINE.search(line):
                yield f"{path}:{number}: a path of one machine"


RULES: tuple[Rule, ...] = (
    modules_are_short,
    functions_are_short,
    modules_say_what_they_own,
    shared_stays_small,
    names_say_something,
    sql_stands_in_stores,
    no_select_star,
    what_is_kept_is_of_the_database_s_clock,
    tests_run,
    the_proof_stands_outside,
    no_hosts_or_paths_of_this_machine,
)
