"""When slow clients have been felt by others."""

from pathlib import Path

import pytest

from tests.proof.fuzz.slow import judge
from tests.proof.fuzz.tally import Tally


@pytest.mark.parametrize(
    ("tries", "broken"),
    [
        pytest.param([(100, 109)], 0, id="not felt"),
        pytest.param([(100, 130), (100, 105)], 0, id="felt once"),
        pytest.param([(100, 130), (150, 180)], 0, id="on a machine that was not quiet"),
        pytest.param([(100, 130), (105, 130)], 1, id="felt twice"),
    ],
)
def test_slow_clients_that_are_felt_twice_fail_the_run(
    tmp_path: Path, tries: list[tuple[float, float]], broken: int
):
    tally = Tally(tmp_path, 1)
    judge(tally, "slow", tries)
    assert tally.wrong == broken
