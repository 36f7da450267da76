"""`make forge` on the running stack, with one forgery in twelve at each door."""

import pytest

from tests.fixtures.stack import Stack
from tests.proof.forge.trial import trial
from tests.proof.harness import Harness

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def test_no_forged_token_is_accepted_at_any_door(stack: Stack) -> None:
    said: list[str] = []
    outcome = await trial(Harness(stack.folder.path), said.append, one_in=12)
    assert outcome.faults == []
    assert outcome.accepted == 0
    assert outcome.routes >= 150
    assert len(outcome.tokens) >= 250
