"""What a running exchange has judged follows from the evidence it keeps, and the file alone."""

import re

import pytest

from infra.audit.site import connect
from tests.conformance.exchange import Tally, replay
from tests.fixtures.stack import Stack
from tests.life.story import Story

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

FILES = 2
ALTERED = {
    "another indication": "update verdicts set indication = 'INDETERMINATE' where sha256 = $1",
    "another sender": "update verdicts set sender_id = gen_random_uuid() where sha256 = $1",
    "other evidence": "update verdicts set evidence = substr(evidence, 1, 900) where sha256 = $1",
    "lists and certificates that are gone": "delete from materials where sha256 <> $1",
}


async def test_the_verdicts_on_a_letter_repeat(stack: Stack, story: Story) -> None:
    tally = await _repeated(stack, story)
    assert tally.findings == []
    assert (tally.total, tally.replayed, tally.differing) == (FILES, FILES, 0)


@pytest.mark.parametrize("alteration", ALTERED.values(), ids=ALTERED)
async def test_a_verdict_that_was_altered_is_found(
    stack: Stack, story: Story, alteration: str
) -> None:
    assert (await _repeated(stack, story, alteration)).differing > 0


async def _repeated(stack: Stack, story: Story, alteration: str = "") -> Tally:
    """Repeat the verdicts on the story's letter; what is altered before is taken back."""
    signing = await connect(stack.folder, "signing", "postgres")
    altering = signing.transaction()
    await altering.start()
    try:
        if alteration:
            await signing.execute("set local session_replication_role = replica")
            file = story.document["attachments"][0]["sha256"]
            assert not (await signing.execute(alteration, file)).endswith(" 0")
        only = f"^{re.escape(story.letter.code)}$"
        return await replay(signing, stack.folder.path / "blobs", lambda _word: None, only=only)
    finally:
        await altering.rollback()
        await signing.close()
