"""A lane's chain, its heads and its senders' order, without any database."""

from typing import Any
from uuid import UUID

import pytest

from infra.audit.finding import Books, Finding
from infra.audit.lanes import check_lane, check_line
from shared.chain import GENESIS, Lane, link

AGENCY, SENDER = UUID(int=1), UUID(int=2)
KEY: tuple[UUID, Lane] = (AGENCY, "normal")
Rows = list[dict[str, Any]]


def entries(count: int) -> Rows:
    """Return a lane of so many entries, chained."""
    rows: Rows = []
    previous = GENESIS
    for number in range(1, count + 1):
        content = b"entry %d" % number
        made = link(agency=AGENCY, lane="normal", sequence=number, previous=previous, entry=content)
        rows.append(
            {
                "sequence": number,
                "previous_hash": previous,
                "hash": made,
                "content": content,
                "sender": SENDER,
                "turn": number,
                "held": False,
            }
        )
        previous = made
    return rows


def case(docs: Rows, notify: Rows) -> dict[str, Rows]:
    """Return a lane as both sides have it, with heads that follow from their entries."""

    def head(rows: Rows) -> dict[str, Any]:
        last = rows[-1] if rows else {"sequence": 0, "hash": GENESIS}
        return {"sequence": last["sequence"], "hash": last["hash"]}

    return {
        "docs": docs,
        "notify": notify,
        "docs_head": [head(docs)],
        "seen": [head(docs)],
        "lane": [{**head(notify), "behind": None, "stopped": None}],
    }


def found(one: dict[str, Rows]) -> list[Finding]:
    return list(check_lane(KEY, one, Books({AGENCY: "H14"})))


def test_a_sound_lane_is_sound_and_counted() -> None:
    books = Books({AGENCY: "H14"})
    assert list(check_lane(KEY, case(entries(3), entries(3)), books)) == []
    assert (books.counted["lanes"], books.counted["entries"]) == (1, 3)


@pytest.mark.parametrize("column", ["previous_hash", "hash", "content"])
@pytest.mark.parametrize("side", ["docs", "notify"])
def test_another_byte_is_named_with_its_position(side: str, column: str) -> None:
    one = case(entries(3), entries(3))
    one[side][1][column] = b"\1" * 32
    first = found(one)[0]
    assert first.where == f"mailbox H14 normal 2 at {side}"


@pytest.mark.parametrize("side", ["docs", "notify"])
def test_a_tail_that_is_cut_with_its_head_is_missed_by_the_other_side(side: str) -> None:
    docs, notify = entries(3), entries(3)
    del (docs if side == "docs" else notify)[1:]
    said = {(one.where, one.what) for one in found(case(docs, notify))}
    assert ("mailbox H14 normal 2", f"is not at {side}") in said
    assert ("mailbox H14 normal 3", f"is not at {side}") in said


def test_a_gap_and_a_missing_head_are_found() -> None:
    gap = entries(3)
    del gap[1]
    assert "1 entries are missing" in found(case(gap, entries(3)))[0].what
    headless = case(entries(1), entries(1))
    headless["docs_head"] = []
    assert any("is missing" in one.what for one in found(headless))


def test_an_earlier_turn_after_a_later_one_is_found_unless_it_was_held() -> None:
    rows = entries(2)
    rows[0]["turn"], rows[1]["turn"] = 2, 1
    assert [one.what for one in found(case(rows, entries(2)))] == [
        "has turn 1 of its sender, after turn 2"
    ]
    rows[1]["held"] = True
    assert found(case(rows, entries(2))) == []


def test_every_turn_was_given_once() -> None:
    def line(*turns: int) -> list[Finding]:
        rows = {"last": [{"last_turn": 3}], "turn": [{"turn": turn} for turn in turns]}
        return list(check_line((SENDER, "normal"), rows, Books({})))

    assert line(1, 2, 3) == []
    assert "[2]" in line(1, 3)[0].what
    assert "[4]" in line(1, 2, 3, 4)[0].what


def test_what_may_be_on_its_way_is_called_so() -> None:
    one = case(entries(2), entries(1))
    one["seen"] = [{"sequence": 1, "hash": entries(1)[0]["hash"]}]
    assert {finding.passing for finding in found(one)} == {True}
