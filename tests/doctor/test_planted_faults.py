"""Each of thirteen faults is planted on the running stack, found by its check, healed, and gone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.doctor.finding import State
from tests.doctor import faults_of_databases, faults_of_kafka, faults_of_keys
from tests.doctor.planting import Ground, Plant, look
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

PLANTS: Mapping[str, tuple[str, Plant]] = {
    "topic deleted": ("topics", faults_of_kafka.topic_deleted),
    "partition added": ("topics", faults_of_kafka.partition_added),
    "retention altered": ("topics", faults_of_kafka.retention_altered),
    "right removed": ("rights", faults_of_kafka.right_removed),
    "foreign right": ("rights", faults_of_kafka.foreign_right),
    "migration altered": ("migrations", faults_of_databases.migration_altered),
    "event stuck": ("outbox", faults_of_databases.event_stuck),
    "record parked": ("parked", faults_of_databases.record_parked),
    "lane stopped": ("lanes", faults_of_databases.lane_stopped),
    "signed file lost": ("signatures", faults_of_databases.signed_file_lost),
    "list too old": ("lists", faults_of_keys.list_too_old),
    "certificate near its end": ("certificates", faults_of_keys.certificate_near_its_end),
    "clock ahead": ("clock", faults_of_keys.clock_ahead),
}


@pytest.fixture
def ground(stack: Stack, tmp_path: Path) -> Ground:
    return Ground(stack, tmp_path)


async def test_every_planted_fault_is_found_and_seen_to_be_healed(ground: Ground) -> None:
    found = 0
    for name, (check, plant) in PLANTS.items():
        await well(ground, check, f"{check} is well before: {name}")
        async with plant(ground) as planted:
            result = await look(planted.folder or ground.folder, check)
            fitting = [one for one in result.seen.findings if planted.says in one.found]
            assert fitting, f"{name}: {result.line()}"
            assert planted.hints in fitting[0].hint, f"{name}: {fitting[0].hint}"
            assert result.line()[0] in "‼×", result.line()
            found += 1
        await well(ground, check, f"{check} is well again after: {name}")
    print(f"planted={len(PLANTS)} found={found}")  # noqa: T201
    assert found == len(PLANTS)


async def well(ground: Ground, check: str, awaited: str) -> None:
    """Wait until the check finds nothing in the stack's own folder."""

    async def is_well() -> bool:
        result = await look(ground.folder, check)
        if result.state is not State.WELL:
            print(result.line())  # noqa: T201 (shown when it stays so)
        return result.state is State.WELL

    await eventually(is_well, awaited, timeout=20, pause=0.2)
