"""When slow clients have been felt by others."""

from pathlib import Path

import pytest

from tests.proof.fuzz.slow import decided, judge
from tests.proof.fuzz.tally import Tally


@pytest.mark.parametrize(
    ("tries", "broken"),
    [
        pytest.param([(100, 109)], 0, id="not felt"),
        pytest.param([(100, 130), (100, 105)], 0, id="felt once"),
        pytest.param([(100, 130), (105, 130)], 1, id="felt twice"),
        pytest.param([(100, 130), (150, 180)], 1, id="never quiet again"),
        pytest.param([(100, 130), (150, 155)], 1, id="unfelt only where it was not quiet"),
        pytest.param([(150, 155), (100, 130), (100, 130)], 1, id="felt once it was quiet"),
        pytest.param([(100, 130), (150, 180), (104, 100)], 0, id="not felt once it was quiet"),
    ],
)
def test_only_a_quiet_machine_can_show_that_slow_clients_are_not_felt(
    tmp_path: Path, tries: list[tuple[float, float]], broken: int
):
    tally = Tally(tmp_path, 1)
    judge(tally, "slow", tries)
    assert tally.wrong == broken


def test_it_is_tried_again_until_it_is_known():
    assert decided([]) is None
    assert decided([(100, 130)]) is None
    assert decided([(100, 130), (150, 180)]) is None
    assert decided([(100, 130), (150, 180), (104, 100)]) is True
    assert decided([(100, 130), (104, 130)]) is False
