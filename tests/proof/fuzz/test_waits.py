"""Which polls that wait, and whose delay beside them, fail the run."""

from pathlib import Path

import pytest

from tests.proof.fuzz.tally import Tally
from tests.proof.fuzz.waits import Poll, judge_polls


@pytest.mark.parametrize(
    ("polls", "others", "broken"),
    [
        pytest.param([(200, 10.2), (429, 0.1)], [0.1], 0, id="as it should be"),
        pytest.param([(200, 10.2)], [0.1], 1, id="one without an answer"),
        pytest.param([(200, 10.2), (503, 0.1)], [0.1], 1, id="one that was sent away"),
        pytest.param([(200, 10.2), (200, 17.0)], [0.1], 1, id="one that waited longer than asked"),
        pytest.param([(200, 10.2), (200, 9.0)], [0.1, 6.0], 1, id="another client held up"),
        pytest.param([(200, 10.2), (200, 9.0)], [], 1, id="nobody beside them"),
    ],
)
def test_polls_are_judged(tmp_path: Path, polls: list[Poll], others: list[float], broken: int):
    tally = Tally(tmp_path, 1)
    judge_polls(tally, 2, polls, others)
    assert tally.wrong == broken
