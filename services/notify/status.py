"""Business statuses of a delivery: which code may follow which. Pure data."""

from collections.abc import Mapping

ARRIVED = "01"
"""Reached by the acknowledgement, never reported."""
REFUSED, DONE, IN_HAND = "02", "06", "05"

MOVES: Mapping[str, tuple[str, ...]] = {
    "01": ("02", "03"),
    "02": (),
    "03": ("04", "05"),
    "04": ("05", "06"),
    "05": ("06",),
    "06": (),
}
"""Registration (03) is never passed over; after it one step may be (03 and 05 come together)."""

REOPENS: Mapping[str, str] = {DONE: IN_HAND}
"""What `reopen` leads to: a document that was closed by mistake is in hand again."""


def allowed(current: str) -> tuple[str, ...]:
    """Return the codes that may be reported now, without `reopen`."""
    return MOVES[current]


def may_follow(current: str, code: str, *, reopen: bool) -> bool:
    """Say whether `code` may be reported after `current`; `reopen` is for its own moves only."""
    if reopen:
        return REOPENS.get(current) == code
    return code in MOVES[current]
