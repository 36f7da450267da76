"""JSON in which no member is named twice: readers differ in which one counts (RFC 8259 4)."""

import json
from typing import Any

from shared.errors import Problem

_SHOWN = 40
"""Characters of a name that are repeated in an answer."""


def check_once(body: bytes) -> None:
    """Check a body that was read as strict JSON before (`shared/intake.py`).

    Raises Problem REQ-4001.
    """
    json.loads(body, object_pairs_hook=_object)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(members)
    if len(named) < len(members):
        seen = set[str]()
        twice = next(name for name, _ in members if name in seen or seen.add(name))[:_SHOWN]
        raise Problem(
            "REQ-4001",
            vi=f"Trường {twice!r} xuất hiện hai lần.",
            en=f"The member {twice!r} is there twice.",
        )
    return named
