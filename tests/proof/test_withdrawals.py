"""What is withdrawn is told to whom it concerns; a revoked certificate alone is no fault."""

from dataclasses import replace

import pytest

from tests.proof.checker import check
from tests.proof.history import Change, Fetched
from tests.proof.offline import REVOKED
from tests.proof.planting import Planting, add, clean, fetched, withdrawn

READ = Fetched("B", "dispatch-2", "sha-2", "sha-2", "canary-2")
WITHDRAWAL = Change("dispatch-1", "withdrawn", "", "event-9", "A")
PLANTED: list[tuple[str, str, Planting]] = [
    (
        "its sender is not told of a withdrawal",
        "lost",
        withdrawn(1, untold_to="A"),
    ),
    ("a holder is not told of a withdrawal", "lost", withdrawn(1, untold_to="C")),
    ("withdrawn for nothing", "phantom", add("changes", WITHDRAWAL)),
    (
        "told in another's log",
        "misdelivered",
        add("changes", Change("dispatch-1", "waiting", "", "event-9", "D")),
    ),
    (
        "a copy that was never there is withdrawn",
        "misdelivered",
        withdrawn(2, more=Change("dispatch-2", "withdrawn", "C", "event-9", "C")),
    ),
]


@pytest.mark.parametrize(
    ("counter", "plant"), [row[1:] for row in PLANTED], ids=[r[0] for r in PLANTED]
)
def test_what_is_told_wrongly_is_counted(counter: str, plant: Planting) -> None:
    history = clean()
    plant(history)

    counts = check(history)

    assert getattr(counts, counter) == 1, counts.findings
    assert not counts.clean


@pytest.mark.parametrize("fault", ["", REVOKED])
def test_what_is_revoked_and_withdrawn_is_no_fault(fault: str) -> None:
    history = clean()
    withdrawn(2)(history)
    fetched(replace(READ, fault=fault))(history)
    assert check(history).clean

    history.revoked[2] = False  # whether it came to pass is not known
    history.changes = [one for one in history.changes if one.change != "withdrawn"]
    assert check(history).clean


def test_a_signature_whose_certificate_nobody_revoked_does_not_hold() -> None:
    history = clean()
    fetched(READ, replace(READ, fault=REVOKED))(history)
    assert check(history).corrupt == 1
