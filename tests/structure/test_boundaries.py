"""Every effect has a fail point behind it; planted effects without one are found."""

from pathlib import Path

import pytest

from infra.failpoints import DRIVERS, described
from tests.structure.boundaries import (
    BOUNDARIES,
    effects_have_a_fail_point_behind_them,
    fail_points_are_literal_and_unique,
)
from tests.structure.rules import Rule
from tests.structure.tree import ROOT, Tree

HEAD = '"""Docs."""\n\n\n'
BARE = [
    ("def keep():\n    os.fsync(1)\n", "keep: no fail point behind its fsync"),
    ("def keep():\n    begun.replace(final)\n", "keep: no fail point behind its rename"),
    ("def keep():\n    os.replace(begun, final)\n", "keep: no fail point behind its rename"),
    (
        "async def keep():\n    await client.commit(offsets)\n",
        "keep: no fail point behind its send",
    ),
    ("async def tell():\n    await x.send_batch(b)\n", "tell: no fail point behind its send"),
    (
        "async def ask():\n    async with self._session.post(u) as a:\n        return a\n",
        "ask: no fail point behind its call of another service",
    ),
    (
        "async def keep():\n    async with conn.transaction():\n        reach('docs.kept')\n",
        "keep: no fail point behind its commit",
    ),
    (
        "async def mark(conn: Session):\n    await conn.execute('update outbox set x = 1')\n",
        "mark: no fail point behind its commit",
    ),
    (
        "def keep():\n    os.fsync(1)\n    begun.replace(final)\n    reach('docs.kept')\n",
        ":5: keep: no fail point behind its fsync",
    ),
    (
        "def keep():\n    def inner():\n        reach('docs.kept')\n\n    os.fsync(1)\n",
        "keep: no fail point behind its fsync",
    ),
]
COVERED = [
    "def keep():\n    os.fsync(1)\n    reach('docs.kept')\n",
    "async def ask():\n    async with s.session.get(u) as a:\n        reach('docs.asked')\n",
    "async def keep():\n    async with conn.transaction():\n        x()\n    reach('docs.kept')\n",
    "def words():\n    return text.replace('a', 'b')\n",
    "def now():\n    return at.replace(microsecond=0)\n",
    "async def look(conn: Session):\n    await conn.execute('select 1')\n",
    "async def put(conn: Connection):\n    await conn.execute('insert into t values (1)')\n",
]
MISNAMED = [
    ("reach(name)\n", "has one name"),
    ('reach(f"docs.{name}")\n', "has one name"),
    ('reach("Docs kept")\n', "has one name"),
    ('reach("docs.kept")\nreach("docs.kept")\n', "docs.kept stands at services/docs/x.py:4 too"),
]


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(ROOT)


@pytest.mark.parametrize("rule", BOUNDARIES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(tree: Tree, rule: Rule) -> None:
    findings = list(rule(tree))
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(("text", "finding"), BARE)
def test_an_effect_without_a_fail_point_is_found(tmp_path: Path, text: str, finding: str) -> None:
    found = list(effects_have_a_fail_point_behind_them(_tree(tmp_path, text)))
    assert [one for one in found if finding in one], found


@pytest.mark.parametrize("text", COVERED)
def test_what_has_one_or_needs_none_is_not(tmp_path: Path, text: str) -> None:
    assert not list(effects_have_a_fail_point_behind_them(_tree(tmp_path, text)))


def test_an_exemption_that_nothing_needs_is_found(tmp_path: Path) -> None:
    found = list(effects_have_a_fail_point_behind_them(_tree(tmp_path, "", "shared/inbox.py")))
    assert found == ["shared/inbox.py:forget: is exempt and has no effect"]


@pytest.mark.parametrize(("text", "finding"), MISNAMED)
def test_a_name_that_cannot_be_listed_is_found(tmp_path: Path, text: str, finding: str) -> None:
    found = list(fail_points_are_literal_and_unique(_tree(tmp_path, text)))
    assert [one for one in found if finding in one], found


def test_every_fail_point_says_who_passes_it_and_why() -> None:
    for one in described():
        assert set(one.services) <= {"gateway", "docs", "signing", "notify"}, one
        assert {one.driver, *one.apart.values()} <= DRIVERS, one
        assert one.apart.keys() <= set(one.services), one


def _tree(root: Path, text: str, path: str = "services/docs/x.py") -> Tree:
    file = root / path
    file.parent.mkdir(parents=True)
    file.write_text(HEAD + text, encoding="utf-8")
    return Tree(root)
