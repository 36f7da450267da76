"""Which fail point is whose, who dies there and when, and what stands beside what."""

from itertools import islice
from pathlib import Path
from typing import get_args

import pytest

from tests.proof.drive import batches
from tests.proof.faults.failpoints import at_failpoints, deaths, latest, listed, read
from tests.proof.faults.plan import QUICK, WHOLE, one_broker
from tests.proof.harness import Harness
from tests.proof.session import Extra, Probe


def test_a_point_that_several_pass_is_first_of_who_has_fewest_and_damage_comes_last():
    rows = [
        "healing.topic_set_back docs,notify wipe shared/outbox_rows.py:152",
        "relay.after_send docs,signing,notify load shared/relay.py:171",
        "relay.mid_batch docs,signing,notify load shared/kafka/producer.py:93",
        "docs.sign.applied docs signature services/docs/sign.py:140",
    ]
    faults = [*at_failpoints([read(row) for row in rows], together=True)]
    assert [(one.name.split()[-1], one.lane) for one in faults] == [
        ("relay.after_send", "signing"),
        ("relay.mid_batch", "notify"),
        ("docs.sign.applied", "docs"),
        ("healing.topic_set_back", ""),
    ]
    assert {one.bound for one in faults} == {0}


def test_in_a_quick_run_what_strikes_single_services_is_side_by_side_and_in_a_whole_one_nothing():
    rows = [
        "relay.after_send docs,signing,notify load shared/relay.py:171",
        "healing.topic_set_back docs,notify wipe shared/outbox_rows.py:152",
    ]
    points = [read(row) for row in rows]
    lanes = [batch for batch in batches(one_broker(QUICK, points)) if len(batch) > 1]
    (names,) = [[fault.name for lane in batch for fault in lane] for batch in lanes]
    of_one = ("fail point relay", "SIGKILL of ", "SIGSTOP of docs", "zombie ")
    assert len(names) == 1 + 6 + 1 + 2
    assert all(name.startswith(of_one) for name in names)
    assert {fault.lane for fault in one_broker(WHOLE, points)} == {""}


def test_a_quick_run_measures_the_recovery_of_one_service_too():
    alone = [fault for fault in one_broker(QUICK, []) if fault.group == "SIGKILL of a service"]
    assert [(one.name, one.lane) for one in alone if one.bound] == [("SIGKILL of signing", "")]


def test_a_point_that_kills_one_service_alone_has_its_recovery_bounded():
    row = "relay.after_send docs,signing,notify load shared/relay.py:171"
    (fault,) = at_failpoints([read(row)], together=False)
    assert (fault.lane, fault.bound) == ("", 5)


def test_a_point_is_first_of_a_service_that_the_load_leads_there():
    row = "relay.after_send gateway,docs load,gateway=client shared/relay.py:171"
    own = "docs.sign.applied docs signature services/docs/sign.py:140"
    faults = [*at_failpoints([read(row), read(own)], together=True)]
    assert [one.lane for one in faults] == ["docs", "docs"]


def test_each_service_that_passes_a_point_dies_there_four_times_and_eight_times_one_alone():
    services = ["docs", "docs,notify", "docs,signing,notify", "gateway,docs,signing,notify"]
    points = [read(f"relay.after_send {some} load shared/relay.py:171") for some in services]
    faults = at_failpoints(points, together=False)
    assert [one.passes for one in faults] == [8, 8, 12, 16]


def test_who_dies_takes_turns_and_when_is_drawn_the_same_in_each_run():
    point = read("database.committed docs,notify load shared/db.py:270")
    some = [*islice(deaths(point, "notify", quick=False), 20)]
    assert some == [*islice(deaths(point, "notify", quick=False), 20)]
    assert [one.service for one in some[:3]] == ["notify", "docs", "notify"]
    assert [one.running for one in some[:6]] == [True, True, False, False, True, True]
    drawn = {one.nth for one in some}
    assert len(drawn) > 10
    assert drawn <= {*range(1, 41)}
    quick = [*islice(deaths(point, "docs", quick=True), 99)]
    assert {one.nth for one in quick} == {*range(1, 9)}
    assert all(one.running for one in quick)


@pytest.mark.parametrize(
    ("row", "service", "whole", "quick"),
    [
        ("database.committed gateway,docs load shared/db.py:270", "docs", 40, 8),
        ("database.committed gateway,docs load shared/db.py:270", "gateway", 4, 2),
        ("relay.marked gateway,docs load,gateway=client shared/outbox_rows.py:80", "docs", 6, 3),
        ("relay.marked gateway,docs load,gateway=client shared/outbox_rows.py:80", "gateway", 3, 2),
        ("docs.sign.applied docs signature services/docs/sign.py:140", "docs", 1, 1),
        ("healing.topic_set_back docs,notify wipe shared/outbox_rows.py:152", "docs", 1, 1),
    ],
)
def test_what_a_start_passes_is_died_at_later_too(row: str, service: str, whole: int, quick: int):
    point = read(row)
    assert latest(point, service, quick=False) == whole
    assert latest(point, service, quick=True) == quick


async def test_whatever_a_point_of_the_tree_needs_can_be_done(tmp_path: Path):
    points = await listed(Harness(tmp_path))
    probes = {*get_args(Extra), *(kind for one in get_args(Probe) for kind in get_args(one))}
    for point in points:
        assert point.drivers.keys() == set(point.services), point
        assert {*point.drivers.values()} <= {"load", "wipe", "truncate", *probes}, point
    assert any(point.drivers.get("gateway") == "client" for point in points)
