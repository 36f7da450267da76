"""From samples to figures: percentiles, CPU from /proc, and the tables of BENCH.md."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bench import cases, processes, report, table
from infra.bench.cases import Case
from infra.bench.load import Sent
from infra.bench.measure import Result, times_of
from infra.bench.plan import Mailbox

A, B = Mailbox("H14.01.01", "sys-a"), Mailbox("H14.01.02", "sys-b")


def test_a_percentile_is_a_value_that_was_measured():
    values = [float(number) for number in range(1, 101)]
    assert report.percentile(values, 0.5) == 50
    assert report.percentile(values, 0.99) == 99
    assert report.percentile([7.0], 0.99) == 7
    assert report.percentile([], 0.5) is None


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_no_larger_share_than_asked_for_lies_above_a_percentile(values: list[float], share: float):
    found = report.percentile(values, share)
    assert found in values
    assert sum(1 for value in values if value <= found) >= share * len(values) - 1e-6


def test_times_count_from_the_scheduled_moment_and_tell_what_is_missing_or_doubled():
    sent = [
        Sent("one", urgent=False, scheduled=10.0, accepted=10.1, recipients=(A, B)),
        Sent("two", urgent=True, scheduled=20.0, accepted=20.1, recipients=(A,)),
        Sent("lost", urgent=False, scheduled=30.0, accepted=30.1, recipients=(A, B)),
    ]
    arrived = {
        ("one", A.code): [10.5],
        ("one", B.code): [12.0],
        ("two", A.code): [20.25, 20.5],
        ("lost", B.code): [31.0],
    }
    seen = times_of(sent, arrived)
    assert seen.mailbox == [0.5, 2.0, 1.0]
    assert seen.last == [2.0, 1.0]
    assert seen.urgent == [0.25]
    assert (seen.missing, seen.doubled) == (1, 1)


def test_cpu_is_read_from_a_line_whose_command_holds_anything():
    line = "42 (odd) name (x) S 7 1 1 0 -1 0 0 0 0 0 250 50 30 20 20 0 1 0 0 0 0"
    seen = processes.read(line)
    tick = os.sysconf("SC_CLK_TCK")
    assert (seen.pid, seen.parent) == (42, 7)
    assert seen.own == 300 / tick
    assert seen.ended == 50 / tick


def test_a_process_counts_with_its_descendants(tmp_path: Path):
    (tmp_path / "docs.pid").write_text(f"{os.getpid()}\n1\n", encoding="ascii")
    (tmp_path / "gone.pid").write_text("4194303\n1\n", encoding="ascii")
    used = processes.cpu(tmp_path)
    assert used["docs"] > 0
    assert "gone" not in used
    assert processes.memory(tmp_path)["docs"] > 1


def _result(**changed: Any) -> Result:  # noqa: ANN401 (fields of any type)
    values: dict[str, Any] = {
        "case": Case("open-100k-1", "open", rate=20),
        "agencies": 242,
        "stored": 0,
        "documents": 2,
        "deliveries": 2,
        "seconds": 2.0,
        "accept": [0.01, 0.02],
        "mailbox": [0.1, 0.2],
        "last_mailbox": [0.1, 0.2],
        "receipt": [],
        "urgent_mailbox": [],
        "failures": [],
        "missing": 0,
        "doubled": 0,
        "cpu": {"docs": 0.05, "driver": 0.004},
        "other_cpu": 0.0,
        "memory": {"docs": 100.0, "gateway": 151.0},
    }
    return Result(**(values | changed))


def _told(*results: Result) -> dict[str, Any]:
    found = [report.figures(result) for result in results]
    networks = [
        {
            "seed": "scale:242",
            "agencies": 242,
            "floors": [],
            "idle_cpu_ms_per_s": {"docs": 1.0},
            "cases": found,
        }
    ]
    return {**report.where_and_when(), "seconds": 3.0, "networks": networks}


def test_cpu_per_document_leaves_the_driver_apart():
    figures = report.figures(_result())
    assert figures["cpu_ms_per_document"] == {"docs": 25.0, "driver": 2.0, "all but driver": 25.0}
    assert figures["documents_per_s"] == 1.0


def test_an_aim_that_is_missed_is_said():
    met = {what: met for what, _, _, met in report.aims(_told(_result()))}
    assert met["open-100k-1: p50 to mailbox at 20 documents/s"]
    assert met["memory of docs"]
    assert not met["memory of gateway"]


@pytest.mark.parametrize(
    "changed", [{"missing": 1}, {"doubled": 1}, {"failures": ["429"]}, {"documents": 0}]
)
def test_a_run_in_which_something_was_lost_is_not_sound(changed: dict[str, Any]):
    assert report.sound(_told(_result()))
    assert not report.sound(_told(_result(), _result(**changed)))


def test_a_run_replaces_its_own_section_of_the_page(tmp_path: Path):
    page = tmp_path / "BENCH.md"
    marks = ["<!-- bench:before -->\nkept\n<!-- /bench:before -->", "<!-- bench:now -->"]
    page.write_text("\n".join([*marks, "old", "<!-- /bench:now -->", "end\n"]), encoding="utf-8")
    table.write(page, _told(_result(failures=["x"])), "now")
    text = page.read_text(encoding="utf-8")
    assert "kept" in text
    assert text.endswith("end\n")
    assert "old" not in text
    assert "| open-100k-1 | 0 | 2 | 1.0 | 1.0 | 10/20/20 | 100/200/200 |" in text
    assert "Refused or late: 1; missing: 0; doubled: 0." in text
    with pytest.raises(ValueError, match="has no section"):
        table.write(page, _told(_result()), "other")


def test_some_cases_alone_run_on_the_networks_that_have_them():
    kept = cases.only(cases.FULL, "161-3000")
    assert [network.seed for network in kept] == ["scale:3000"]
    assert {case.name for case in kept[0].cases} == {"open-100k-161-3000", "closed-100k-161-3000"}
    assert cases.only(cases.FULL, "nothing") == ()
