"""The pure parts of the drive: what stands beside what, what is done, what the page says."""

from pathlib import Path

from tests.proof.checker import Counts
from tests.proof.drive import batches
from tests.proof.faults.failpoints import at_failpoints, read
from tests.proof.faults.fault import Fault
from tests.proof.harness import Harness
from tests.proof.ledger import Ledger, Pass
from tests.proof.page import bounds, over_bound, table
from tests.proof.session import Session


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


def test_points_that_several_services_pass_are_shared_out_and_damage_comes_last():
    rows = [
        "healing.topic_set_back docs,notify wipe shared/outbox_rows.py:152",
        "relay.after_send docs,signing,notify load shared/relay.py:171",
        "relay.mid_batch docs,signing,notify load shared/kafka/producer.py:93",
        "docs.sign.applied docs signature services/docs/sign.py:140",
    ]
    faults = [*at_failpoints([read(row) for row in rows], together=True)]
    assert [(one.name.split()[-1], one.lane) for one in faults] == [
        ("relay.after_send", "docs"),
        ("relay.mid_batch", "signing"),
        ("docs.sign.applied", "docs"),
        ("healing.topic_set_back", ""),
    ]
    assert {one.bound for one in faults} == {0}


def test_a_point_that_kills_one_service_alone_has_its_recovery_bounded():
    row = "relay.after_send docs,signing,notify load shared/relay.py:171"
    (fault,) = at_failpoints([read(row)], together=False)
    assert (fault.lane, fault.bound) == ("", 5)


def test_the_page_bounds_what_was_not_seen_and_claims_nothing_after_a_loss():
    assert "3/400 = 0.75%" in bounds(Counts(kills=400, acked=20_000))
    assert "no bound" in bounds(Counts(kills=400, acked=20_000, lost=1))


def test_a_table_counts_passes_failures_and_percentiles_by_name():
    passes = [Pass("a", "g", 5, seconds) for seconds in (1, 2, 9)] + [Pass("a", "g", 5, failed="x")]
    assert "| a | 4 | 1 | 2.0 | 9.0 | 5 | 75.0% |" in table(passes, lambda one: one.fault)
    assert over_bound(passes) == ["g: recovery p95 9.0 s, promised 5 s"]
    assert over_bound([Pass("b", "g", 0, 99)]) == []
