"""What docs, set back, makes of a dispatch when it takes an entry of it over."""

from datetime import UTC, datetime
from functools import partial

from services.docs import judge
from services.docs.document import Named
from services.docs.turns import Verdict
from shared.events import DispatchChanged, DocumentExamined
from tests.docs.country import commune
from tests.docs.exchange import RECORD
from tests.docs.pairs import Pair, cleared


async def test_the_sender_is_told_again_of_what_was_cleared_in_the_lost_life(
    pair: Pair, restored: Pair
):
    sent = await cleared(pair.exchange, commune(1), commune(2))
    await pair.arrive(commune(1), commune(2))
    document = await restored.exchange.draft(*(Named(commune(n)) for n in (1, 2)))
    await restored.exchange.dispatch(document, dispatch_id=sent)
    for _ in range(2):
        await restored.comparison.make()
    assert await restored.exchange.state(sent) == "cleared"
    assert [one.change for one in await restored.exchange.told(DispatchChanged)] == ["cleared"]


async def test_a_stub_has_the_verdict_that_came_before_it(pair: Pair, restored: Pair):
    sent = await cleared(pair.exchange, commune(1))
    await pair.arrive(commune(1))
    row = await pair.exchange.row(sent)
    for file in row.files:
        event = DocumentExamined(
            dispatch_id=sent,
            document_id=row.document_id,
            sha256=file.sha256,
            judgement=1,
            indication="TOTAL-PASSED",
            reason=None,
            judged_at=datetime.now(UTC),
            evidence_sha256="00" * 32,
        )
        await restored.exchange.db.as_worker(partial(judge.examined, event=event, _record=RECORD))
    await restored.comparison.make()
    assert (await restored.exchange.row(sent)).verdict is Verdict.GOOD
