"""The next two versions of the checkout under proof: one that expands a table, one that contracts.

The first gives a column another name and keeps both in step, so that old code and new run side by
side; the second takes the old one away, when no code knows it any more.
"""

import re
import shutil
from pathlib import Path

_SQL = Path(__file__).parent
_OLD, _NEW = "verdict_at", "decided_at"
_EXPANDS = {"0900_decided_at.sql": "expand.sql", "0901_decided_since.sql": "index.sql"}
_CONTRACTS = {"0902_verdict_at_gone.sql": "contract.sql"}


class DoesNotFit(Exception):  # noqa: N818 (a finding: the code has moved on)
    """The code no longer has what the upgrade changes. Text: what is missing."""


def expand(tree: Path) -> None:
    """Let the code of docs use the new name, and a migration make it. Raises DoesNotFit."""
    docs, changed = tree / "services" / "docs", 0
    for file in docs.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if _NEW in text:
            raise DoesNotFit(f"{file.name} has a name {_NEW} of its own")
        renamed, times = re.subn(rf"\b{_OLD}\b", _NEW, text)
        if times:
            file.write_text(renamed, encoding="utf-8")
            changed += times
    if not changed:
        raise DoesNotFit(f"no code of docs knows {_OLD}")
    _bring(_EXPANDS, docs)


def contract(tree: Path) -> None:
    """Let a migration take the old name away."""
    _bring(_CONTRACTS, tree / "services" / "docs")


def _bring(files: dict[str, str], docs: Path) -> None:
    for name, source in files.items():
        shutil.copy(_SQL / source, docs / "migrations" / name)
