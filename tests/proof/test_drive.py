"""The pure parts of the drive: what stands beside what, what is done, what the page says."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.proof import drive
from tests.proof.__main__ import folder, place, take_over
from tests.proof.checker import Counts
from tests.proof.drive import batches
from tests.proof.faults.fault import Fault
from tests.proof.faults.plan import QUICK, WHOLE, share
from tests.proof.harness import Harness
from tests.proof.ledger import Ledger, Pass
from tests.proof.page import Ran, bounds, over_bound, page, table
from tests.proof.session import Session
from tests.proof.stage import Stage, short, stacks


async def _nothing(_harness: Harness, _session: Session) -> float:
    return 0


def _fault(name: str, lane: str) -> Fault:
    return Fault(name, "group", _nothing, lane=lane)


def test_faults_of_several_lanes_run_side_by_side_and_one_without_a_lane_alone():
    some = [_fault("a", "docs"), _fault("b", "notify"), _fault("c", "docs"), _fault("d", "")]
    names = [[[one.name for one in lane] for lane in batch] for batch in batches(some)]
    assert names == [[["a", "c"], ["b"]], [["d"]]]


def test_a_pass_that_was_cut_short_by_a_crash_is_due_again(tmp_path: Path):
    ledger = Ledger(tmp_path / "passes.jsonl")
    ledger.write(Pass("SIGKILL of docs", "kills", 5, 1.5))
    with ledger.file.open("a") as file:
        file.write('{"fault": "SIGKILL of docs", "gro')
    assert ledger.done("SIGKILL of docs") == 1
    ledger.write(Pass("SIGKILL of docs", "kills", 5, 2.5))
    assert [one.seconds for one in ledger.passes()] == [1.5, 2.5]


def test_a_pass_that_failed_stays_and_is_due_again(tmp_path: Path):
    ledger = Ledger(tmp_path / "passes.jsonl")
    ledger.write(Pass("SIGKILL of docs", "kills", 5, failed="it did not come back"))
    assert ledger.done("SIGKILL of docs") == 0
    assert len(ledger.passes()) == 1


def test_the_page_bounds_what_was_not_seen_and_claims_nothing_after_a_loss():
    said = bounds(Counts(kills=500, acked=20_000), trials=400)
    assert "500 processes were killed at 400 moments" in said
    assert "per trial at 0.75%" in said
    assert "no bound" in bounds(Counts(kills=500, acked=20_000, lost=1), trials=400)


def test_a_table_counts_passes_failures_and_percentiles_by_name():
    passes = [Pass("a", "g", 5, seconds) for seconds in (1, 2, 9)] + [Pass("a", "g", 5, failed="x")]
    passes += [Pass("a", "g", 5, 2)] * 3
    rows = table(passes, lambda one: one.fault, bounded=True)
    assert "| a | 7 | 1 | 2.0 | 9.0 | 5 | 50.0% |" in rows
    assert "lost" not in table(passes, lambda one: one.fault, bounded=False)
    assert over_bound(passes) == ["g: recovery p95 9.0 s, promised 5 s"]
    assert over_bound([Pass("b", "g", 0, 99)]) == []


def _stage(folder: Path, *, commit: str = "") -> Stage:
    folder.mkdir(exist_ok=True)
    return Stage(folder, 1, WHOLE, commit)


def test_a_run_lacks_passes_that_were_planned_and_not_made(tmp_path: Path):
    stage, enough = _stage(tmp_path), Counts(docs=20_000, kills=400)
    stage.plan([_fault("a", ""), _fault("b", "")])
    for _ in range(8):
        stage.ledger.write(Pass("a", "g"))
    stage.ledger.write(Pass("b", "g"))
    stage.ledger.write(Pass("b", "g", failed="x"))
    assert short(WHOLE, enough, [stage], ["a", "b"]) == ["b: 1 of 8 passes"]


def test_a_run_lacks_a_fault_that_came_after_its_plans(tmp_path: Path):
    stage = _stage(tmp_path)
    stage.plan([_fault("a", "")])
    for _ in range(8):
        stage.ledger.write(Pass("a", "g"))
    said = short(WHOLE, Counts(docs=20_000, kills=400), [stage], ["a", "new"])
    assert said == ["new: planned for no stack"]


@pytest.mark.parametrize("of", [1, 2, 5, 9])
def test_each_fault_falls_to_one_stack_and_each_stack_has_about_as_many_passes(of: int):
    faults = [replace(_fault(str(n), ""), passes=1 + n % 8) for n in range(60)]
    shares = [share(faults, 20, number, of) for number in range(of)]
    assert [one for some in shares for one in some] == faults
    passes = [sum(one.passes for one in some) for some in shares]
    assert max(passes) - min(passes) <= 2 * 8
    assert share([], 20, 0, of) == []


def test_a_whole_run_has_a_stack_of_three_brokers_and_some_of_one_that_share_the_rest_out():
    found = stacks(WHOLE, Path("whole"), "abc")
    assert [one.folder.name for one in found][:2] == ["three", "one-1"]
    assert [one.number for one in found if one.brokers == 1] == [*range(WHOLE.stacks)]
    assert [one.folder.name for one in stacks(QUICK, Path("quick"), "abc")] == ["one"]


def test_a_whole_run_lacks_documents_and_kills_below_its_floors(tmp_path: Path):
    stage = _stage(tmp_path)
    stage.plan([])
    stage.ledger.write(Pass("a", "g"))
    few = Counts(docs=19_999, kills=399)
    wanted = ["19999 documents of 20000", "399 kills of 400"]
    assert short(WHOLE, few, [stage], []) == wanted
    assert short(QUICK, few, [stage], []) == []


def test_a_run_on_whose_stack_documents_lost_their_place_for_nothing_lacks(tmp_path: Path):
    one, two = _stage(tmp_path / "one"), _stage(tmp_path / "two")
    for stage in (one, two):
        stage.plan([])
        stage.ledger.write(Pass("a", "g"))
    one.write(Counts(held=3, doubted=3))
    two.write(Counts(held=3, doubted=1))
    lacks = ["two: 2 held with no fault that keeps signing from telling"]
    assert short(QUICK, Counts(), [one, two], []) == lacks


def test_counts_that_an_earlier_checker_has_written_are_read(tmp_path: Path):
    stage = _stage(tmp_path)
    stage.write(Counts(docs=7, held=2))
    file = tmp_path / "counts.json"
    kept = json.loads(file.read_text())
    del kept["doubted"]
    file.write_text(json.dumps({**kept, "excused": 4}))
    assert stage.counted() == Counts(docs=7, held=2)


def test_a_run_that_inflicted_nothing_is_none(tmp_path: Path):
    stage = _stage(tmp_path)
    stage.plan([])
    assert short(QUICK, Counts(), [stage], []) == ["no fault was inflicted"]


def test_the_page_tells_passes_by_commit_and_what_is_lacking(tmp_path: Path):
    _stage(tmp_path, commit="abc").ledger.write(Pass("a", "g"))
    stage = _stage(tmp_path, commit="def")
    stage.ledger.write(Pass("a", "g"))
    ran = Ran("make prove", "RELIABILITY …", 60, "def", 2, {"one-1": 7, "one-2": 9})
    said = page(ran, Counts(), stage.ledger.passes(), ["b: 1 of 8 passes"])
    assert "Passes by commit: abc × 1, def × 1." in said
    assert "Documents by stack, each counted by itself: one-1 7, one-2 9." in said
    assert "* b: 1 of 8 passes" in said
    assert "later than is promised" not in said


def test_the_page_names_what_recovered_later_than_is_promised():
    ran = Ran("make prove", "RELIABILITY …", 60, "def", 2, {"one-1": 7})
    said = page(ran, Counts(), [Pass("a", "g", 5, 6)], [])
    assert "## What recovered later than is promised\n\n* g: recovery p95 6.0 s, prom" in said


def test_what_dies_at_one_moment_is_one_trial_also_where_only_the_counts_went(
    tmp_path: Path,
):
    stage = _stage(tmp_path)
    work = tmp_path / "journal" / "work.jsonl"
    work.parent.mkdir()
    work.write_text("".join(json.dumps({"e": "kill", "n": n, "at": 1.0}) + "\n" for n in (1, 14)))
    stage.plan([])
    stage.ledger.write(Pass("a", "g"))
    counts = Counts(docs=7, findings=("lost: x",))
    stage.write(counts)
    assert (stage.trials, stage.counted()) == (2, counts)
    stage.publish(tmp_path / "proof")
    again = replace(stage, folder=tmp_path / "proof" / tmp_path.name)
    assert (again.trials, again.counted(), len(again.ledger.passes())) == (2, counts, 1)


def test_a_part_of_a_run_has_a_folder_and_a_page_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PROOF_RUN", str(tmp_path))
    monkeypatch.delenv("ONLY", raising=False)
    assert place(folder(WHOLE)) == Harness(tmp_path).tree / "PROOF.md"
    assert place(folder(QUICK)) == tmp_path / "quick" / "PROOF.md"
    monkeypatch.setenv("ONLY", "x")
    assert place(folder(WHOLE)) == tmp_path / "whole-only" / "PROOF.md"


def test_a_run_goes_on_after_the_stacks_that_the_tree_says_were_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tests.proof.__main__.TREE", tmp_path)
    whole = tmp_path / "whole"
    take_over(whole)
    assert not whole.exists()
    counted, cut = (_stage(tmp_path / name) for name in ("three", "one-1"))
    for stage in (counted, cut):
        stage.plan([])
        stage.ledger.write(Pass("a", "g"))
        stage.write(Counts(docs=7))
        stage.publish(tmp_path / "proof")
    (tmp_path / "proof" / "one-1" / "counts.json").unlink()
    take_over(whole)
    assert [one.name for one in whole.iterdir()] == ["three"]
    assert replace(counted, folder=whole / "three").counted() == Counts(docs=7)


class _Falling:
    """A session whose backlog falls at each look; the last stays."""

    accepted = 0

    def __init__(self, *waiting: float) -> None:
        self.waiting = [*waiting]

    async def backlog(self) -> float:
        return self.waiting.pop(0) if self.waiting[1:] else self.waiting[0]


async def test_a_fault_begins_when_the_exchange_has_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drive, "_LOOK", 0)
    session, ledger = _Falling(math.inf, 900, 61, 60), Ledger(tmp_path / "passes.jsonl")
    left: list[float] = []

    async def inflict(_harness: Harness, _session: Session) -> float:
        left.append(session.waiting[0])
        return 1

    one = Fault("a", "g", inflict)
    await drive.Drive(Harness(tmp_path), cast("Session", session), ledger, 1).through([one])
    assert left == [60]


async def test_an_exchange_that_does_not_catch_up_fails_the_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drive, "_CATCHING_UP", -1)

    async def whole(_harness: Harness) -> None:
        return

    monkeypatch.setattr(drive, "make_whole", whole)
    ledger = Ledger(tmp_path / "passes.jsonl")
    session = cast("Session", _Falling(900))
    await drive.Drive(Harness(tmp_path), session, ledger, 1).through([_fault("a", "")])
    assert [one.failed for one in ledger.passes()] == ["900 documents still wait after -1 s"]
