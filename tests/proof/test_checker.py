"""What is planted in a history is counted, each in its counter; a clean one counts nothing."""

from dataclasses import replace

import pytest

from tests.proof.checker import FORBIDDEN, Counts, check, line, percentile
from tests.proof.history import (
    Change,
    Doubt,
    Fetched,
    Notice,
    Outcome,
    Receipt,
    Sighting,
    Standing,
)
from tests.proof.planting import (
    Planting,
    add,
    change,
    clean,
    entry,
    fetched,
    held,
    refused,
    refused_and_there,
    stands,
    swapped,
    unstored,
    untold,
    without,
)

READ = Fetched("B", "dispatch-2", "sha-2", "sha-2", "canary-2")
ARRIVED = "delivery.arrived"
PLANTED: list[tuple[str, str, Planting]] = [
    ("an entry is missing", "lost", without(1, "C")),
    ("what was seen is gone", "lost", add("sightings", Sighting("C", "normal", 2, "hash-C-2"))),
    ("a recorded status is gone", "lost", lambda h: h.statuses.update({"delivery-1-B": ()})),
    ("its sender is told nothing", "lost", lambda h: h.changes.pop()),
    ("a file that nobody has read", "lost", fetched()),
    ("a file that never came whole", "lost", fetched(replace(READ, got="sha-x"))),
    ("a file that cannot be read any more", "lost", add("fetched", replace(READ, got=""))),
    ("an arrival that the event log does not tell", "lost", untold("events:sys-c", "delivery-1-C")),
    ("an arrival that was not pushed", "lost", untold("kafka:sys-c", "delivery-1-C")),
    ("an entry that its reader never acknowledges", "stuck", change(1, "C", acknowledged=False)),
    (
        "a copy never ends",
        "stuck",
        stands(1, Standing(open=frozenset({"C"}), acknowledged=frozenset({"B"})), without(1, "C")),
    ),
    ("no quiet", "stuck", add("unquiet", "docs: lienthong_outbox_pending 3")),
    ("an entry twice", "dup_effect", add("entries", replace(entry(1, "C", 2), delivery="second"))),
    (
        "the same file by a second dispatch",
        "dup_effect",
        add("entries", replace(entry(2, "B", 3), dispatch="dispatch-9", delivery="delivery-9")),
    ),
    (
        "another receipt",
        "dup_effect",
        add("receipts", Receipt("delivery-1-C", "C", "receipt-anew")),
    ),
    (
        "told with a new id",
        "dup_effect",
        add("notices", Notice("kafka:sys-c", "C", ARRIVED, "delivery-1-C", "event-new")),
    ),
    (
        "its sender told twice",
        "dup_effect",
        add("changes", Change("dispatch-1", "cleared", "", "cleared-anew", "A")),
    ),
    ("a status twice", "dup_effect", lambda h: h.statuses.update({"delivery-1-B": ("03", "03")})),
    ("the later one first", "reordered", swapped),
    (
        "told in another order",
        "reordered",
        lambda h: h.notices.sort(key=lambda one: one.number != 2 or one.system != "kafka:sys-b"),
    ),
    ("a number is missing", "gaps", change(2, "B", sequence=3)),
    ("a reader met a hole", "gaps", add("gaps_seen", "B normal: 3 was followed by 5")),
    (
        "nobody sent it",
        "phantom",
        add("entries", replace(entry(7, "C", 2), dispatch="dispatch-7")),
    ),
    ("refused, and yet there", "phantom", refused_and_there),
    (
        "there, though its sender was told of a refusal",
        "phantom",
        stands(1, Standing(failed=frozenset({"C"}), acknowledged=frozenset({"B", "C"}))),
    ),
    ("a receipt for nothing", "phantom", add("receipts", Receipt("delivery-8", "B", "receipt-8"))),
    (
        "a status that nobody reported",
        "phantom",
        lambda h: h.statuses.update({"delivery-1-B": ("03", "06")}),
    ),
    ("another file in the entry", "corrupt", change(1, "C", digests=("sha-other",))),
    ("a hash that does not follow", "corrupt", change(2, "B", follows=False)),
    ("seen with another hash", "corrupt", add("sightings", Sighting("B", "normal", 1, "other"))),
    (
        "other bytes",
        "corrupt",
        add("fetched", Fetched("B", "dispatch-1", "sha-1", "sha-x", "canary-1")),
    ),
    (
        "a signature does not hold",
        "corrupt",
        add("fetched", Fetched("B", "dispatch-1", "sha-1", "sha-1", "canary-1", "not intact")),
    ),
    ("a download was refused", "corrupt", add("refused", "B delivery-1-B: GET …: 500")),
    ("in another lane", "corrupt", change(1, "C", lane="urgent")),
    (
        "an entry where it was not sent",
        "misdelivered",
        add("entries", replace(entry(1, "D", 1))),
    ),
    ("an entry that names another", "misdelivered", change(1, "C", recipient="D")),
    (
        "a file of another document",
        "misdelivered",
        add("fetched", Fetched("C", "dispatch-1", "sha-1", "sha-1", "canary-2")),
    ),
    (
        "told to another's system",
        "misdelivered",
        add("notices", Notice("kafka:sys-d", "C", ARRIVED, "delivery-1-C", "event-delivery-1-C")),
    ),
    (
        "told as another's",
        "misdelivered",
        add("notices", Notice("sse:sys-d", "D", ARRIVED, "delivery-1-C", "event-delivery-1-C")),
    ),
    (
        "a subject on Kafka",
        "misdelivered",
        add(
            "notices",
            Notice("kafka:sys-c", "C", ARRIVED, "delivery-1-C", "event-delivery-1-C", leak=True),
        ),
    ),
    (
        "a receipt that does not verify",
        "unreceipted",
        add("receipts", Receipt("delivery-1-C", "C", "receipt-delivery-1-C", "wrong signature")),
    ),
    ("a receipt that is handed out and not stored", "unreceipted", unstored),
    (
        "another receipt is stored",
        "dup_effect",
        add("receipts", Receipt("delivery-1-C", "C", "receipt-anew", stored=True)),
    ),
    (
        "a stored receipt that does not verify",
        "unreceipted",
        add("receipts", Receipt("delivery-1-C", "C", "", "absent", stored=True)),
    ),
    ("a valid document is refused", "refused", refused),
    ("a document loses its place", "held", held),
    ("a receipt that is not kept", "unreceipted", change(1, "C", acknowledged=False)),
    (
        "a sender that is not told",
        "unreceipted",
        stands(1, Standing(acknowledged=frozenset({"B"}))),
    ),
]


def test_a_clean_history_counts_nothing() -> None:
    counts = check(clean())

    assert counts.clean, counts.findings
    assert (counts.docs, counts.acked, counts.deliveries, counts.receipts) == (3, 2, 3, 3)


@pytest.mark.parametrize(
    ("counter", "plant"), [row[1:] for row in PLANTED], ids=[r[0] for r in PLANTED]
)
def test_a_planted_fault_is_counted(counter: str, plant: Planting) -> None:
    history = clean()
    plant(history)

    counts = check(history)

    assert getattr(counts, counter) == 1, counts.findings
    assert not counts.clean
    assert any(what.startswith(f"{counter}: ") for what in counts.findings)


def test_every_counter_has_a_planted_fault() -> None:
    assert {counter for _, counter, _ in PLANTED} == {*FORBIDDEN, "refused", "held"}


def test_nothing_that_was_asked_for_after_quiet_may_be_missing() -> None:
    for name, counter in (("fetched", "lost"), ("notices", "lost"), ("receipts", "unreceipted")):
        history = clean()
        setattr(history, name, [])
        assert getattr(check(history), counter) > 0, name


def test_a_subscription_promises_only_what_comes_after_its_beginning() -> None:
    history = clean()
    untold("kafka:sys-b", "delivery-1-B")(history)
    assert check(history).lost == 1

    history.subscribed["sys-b"] = {("B", "normal"): 1}
    assert check(history).clean
    del history.subscribed["sys-b"]
    untold("kafka:sys-b", "delivery-2-B")(history)
    assert check(history).clean


def test_the_whole_topic_after_quiet_tells_as_much_as_its_reader() -> None:
    history = clean()
    history.notices = [
        replace(one, system=one.system.replace("kafka:", "topic:")) for one in history.notices
    ]
    assert check(history).clean


def test_a_copy_that_is_refused_is_named_with_its_code() -> None:
    history = clean()
    without(1, "C")(history)
    history.standings["dispatch-1"] = Standing(
        failed=frozenset({"C"}), reasons={"C": "SIG-4224"}, acknowledged=frozenset({"B"})
    )

    counts = check(history)

    assert (counts.refused, counts.lost, counts.clean) == (1, 0, False)
    assert counts.findings == ("refused: dispatch-1 to C: SIG-4224",)


@pytest.mark.parametrize(
    ("doubts", "good"),
    [
        ([Doubt(0.2, 0.9)], False),  # over before it was begun
        ([Doubt(0.2, 1.1)], True),
        ([Doubt(1.2, 1.3)], True),
        ([Doubt(1.2)], True),  # a run that was broken off
        ([Doubt(30, 31)], True),  # its verdict may have been late
        ([Doubt(63, 64)], False),
        ([Doubt(0.2, 0.9), Doubt(63, 64)], False),
        ([Doubt(0.2, 0.9), Doubt(1.2, 1.3)], True),
    ],
)
def test_a_document_may_lose_its_place_only_while_signing_cannot_tell(
    doubts: list[Doubt],
    good: bool,  # noqa: FBT001 (a column)
) -> None:
    history = clean()
    held(history)
    history.doubts = doubts

    counts = check(history)

    assert (counts.held, counts.doubted, counts.clean) == (1, int(good), good)
    assert counts.reordered == 0
    assert " held=1 " in line(counts)


def test_documents_that_were_under_way_together_have_no_order() -> None:
    history = clean()
    history.outcomes[1] = replace(history.outcomes[1], at=2.5)
    swapped(history)

    assert check(history).reordered == 0


def test_an_unknown_document_may_be_in_or_out_but_not_half() -> None:
    history = clean()
    history.outcomes[1] = Outcome("unknown", 9)
    assert check(history).phantom == 0
    assert check(history).lost == 0

    history.resolved.add(1)
    history.outcomes[1] = Outcome("ok", 10, dispatch="dispatch-1", document="document-1")
    without(1, "C")(history)
    counts = check(history)
    assert (counts.lost, counts.unknown_resolved) == (1, 1)


def test_the_line_names_every_counter() -> None:
    said = line(Counts(docs=9, deliveries=20, acked=8, kills=3, lost=1), [1.0, 3.12, 2.0])

    assert said == (
        "RELIABILITY docs=9 deliveries=20 acked=8 kills=3 lost=1 dup_effect=0 reordered=0 gaps=0"
        " phantom=0 corrupt=0 misdelivered=0 unreceipted=0 stuck=0 held=0 refused=0"
        " recovery_p95_s=3.1"
    )
    assert percentile(list(range(1, 101)), 95) == 95
