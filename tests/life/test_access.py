"""`make access` on the running stack, with one operation in four and few agencies."""

import pytest

from tests.fixtures.stack import Stack
from tests.proof.access.trial import Extent, trial
from tests.proof.harness import Harness

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SLICE = Extent(agencies=6, seconds=20, samples=3, cancelled=200, one_in=4, kafka=False)


async def test_what_is_others_is_neither_shown_nor_known(stack: Stack) -> None:
    said: list[str] = []
    found = await trial(Harness(stack.folder.path), said.append, SLICE)
    assert found.faults == []
    assert found.foreign_reads == found.existence_leaks == 0
    assert found.pairs > 500
