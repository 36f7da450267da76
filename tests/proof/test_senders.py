"""What recipients and senders are shown of a document is held against what was handed in."""

import pytest

from tests.proof.checker import check
from tests.proof.history import History, Shown, Timeline
from tests.proof.orders import order
from tests.proof.planting import Planting, change, clean

TOLD = ("delivery-1-B", "03")
PLANTED: list[tuple[str, str, Planting]] = [
    ("an entry with another number", "corrupt", change(1, "C", code="2/CM")),
    ("an entry with another urgency of its lane", "corrupt", change(1, "C", urgency="express")),
    (
        "a sender is shown another number",
        "corrupt",
        lambda h: h.documents.update({"document-1": Shown("9/CM", "normal", "subject 1")}),
    ),
    (
        "a sender is shown another urgency",
        "corrupt",
        lambda h: h.documents.update({"document-1": Shown("1/CM", "urgent", "subject 1")}),
    ),
    (
        "a sender is shown another subject",
        "corrupt",
        lambda h: h.documents.update({"document-1": Shown("1/CM", "normal", "subject 2")}),
    ),
    ("a sender is not shown its document", "lost", lambda h: h.documents.pop("document-2")),
    (
        "a recorded status that the timeline does not tell",
        "lost",
        lambda h: h.timelines.update({"document-1": Timeline()}),
    ),
    (
        "a timeline that was not read though a status is due",
        "lost",
        lambda h: h.timelines.pop("document-1"),
    ),
    (
        "a timeline that cannot be read",
        "lost",
        lambda h: h.timelines.update({"document-2": Timeline(fault="GET …: 404")}),
    ),
    (
        "a status twice in the timeline",
        "dup_effect",
        lambda h: h.timelines.update({"document-1": Timeline((TOLD, TOLD))}),
    ),
    (
        "another status in the timeline",
        "phantom",
        lambda h: h.timelines.update({"document-1": Timeline((TOLD, ("delivery-1-B", "06")))}),
    ),
    (
        "a status of a document of which none was reported",
        "phantom",
        lambda h: h.timelines.update({"document-2": Timeline((("delivery-2-B", "03"),))}),
    ),
    (
        "a status in the list of copies that nobody reported",
        "phantom",
        lambda h: h.latest.update({"delivery-1-C": "03"}),
    ),
]


@pytest.mark.parametrize(
    ("counter", "plant"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED]
)
def test_a_planted_fault_is_counted(counter: str, plant: Planting) -> None:
    history = clean()
    plant(history)

    counts = check(history)

    assert getattr(counts, counter) == 1, counts.findings
    assert len(counts.findings) == 1
    assert not counts.clean


def test_a_timeline_that_needs_not_be_read_may_be_missing() -> None:
    history = clean()
    del history.timelines["document-2"]

    assert check(history).clean


def test_a_status_whose_answer_was_lost_may_be_told_or_not() -> None:
    for timeline in (Timeline((TOLD,)), Timeline()):
        history: History = clean()
        del history.reports[1]
        history.timelines["document-1"] = timeline

        assert check(history).clean


def test_what_is_expected_of_a_document_is_what_was_described() -> None:
    made = order(7, sender="A", to=["B"], size=30_000, urgency="express", secret=str(7))
    said, sent = made.described(), made.invocation()

    assert sent.code == f"{said['number']}/{said['notation']}"
    assert (sent.urgency, sent.subject) == (said["urgency"], said["subject"])
