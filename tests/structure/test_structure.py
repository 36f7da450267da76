"""The tree keeps the house rules."""

import pytest

from tests.structure.rules import RULES, Rule
from tests.structure.tree import ROOT, Tree
from tests.structure.vocabulary import VOCABULARY


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(ROOT)


@pytest.mark.parametrize("rule", [*RULES, *VOCABULARY], ids=lambda rule: rule.__name__)
def test_the_tree_keeps(tree: Tree, rule: Rule) -> None:
    findings = list(rule(tree))
    assert not findings, "\n".join(findings)
