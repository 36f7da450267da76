"""When a docs process begins to clear."""

from services.docs.background import clearing
from services.docs.store import lives
from shared.restored import Recovery
from tests.docs.country import commune
from tests.docs.pairs import Pair


def recovery(pair: Pair) -> Recovery:
    work = pair.comparison.take_over_receipts
    return Recovery(pair.exchange.db, service="docs", asked=lives.recovering, work=work)


async def test_nothing_is_cleared_before_the_heads_were_compared_once(pair: Pair):
    sent = await pair.exchange.send(commune(1))
    await pair.exchange.judge(sent)
    clear = clearing(pair.exchange.db, pair.comparison, recovery(pair))
    assert not await clear()
    assert await pair.exchange.state(sent) == "waiting"
    await pair.comparison.due()
    assert await clear()
    assert await pair.exchange.state(sent) == "cleared"
