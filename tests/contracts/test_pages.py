"""Pages under docs/ that are made from the code are not behind it, and lead nowhere that is not."""

import re
from collections.abc import Iterator
from pathlib import Path

from infra.contracts import problems
from infra.stack.folder import TREE

_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_SPAN = re.compile(r"`((?:services|shared|infra|tests|examples|docs)/[\w./-]+)`")


def test_the_page_of_problems_is_the_table() -> None:
    assert problems.PAGE.read_text(encoding="utf-8") == problems.page(), "make schemas"


def _broken() -> Iterator[str]:
    for page in [TREE / "README.md", *sorted((TREE / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        targets: list[Path] = [page.parent / link for link in _LINK.findall(text)]
        if page.name != "README.md":  # whose names `tests/structure` looks up
            targets += [TREE / name for name in _SPAN.findall(text)]
        for target in targets:
            if not target.exists():
                yield f"{page.name}: {target}"


def test_what_the_pages_name_is_there() -> None:
    assert list(_broken()) == []
