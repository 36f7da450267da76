"""When a docs process begins to clear, and when it begins to hold."""

from services.docs.background import clearing
from services.docs.store import lives
from services.docs.turns import HOLD_SECONDS
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


async def test_a_process_that_has_just_begun_holds_nobody(pair: Pair):
    """While none ran, a later one's verdict grew old here and the earlier one's waits on Kafka."""
    first, second = [await pair.exchange.send(commune(1)) for _ in range(2)]
    await pair.exchange.judge(first, "INDETERMINATE")
    await pair.exchange.judge(second)
    await pair.exchange.age_verdict(second, seconds=60)
    await pair.comparison.due()
    now = 100.0
    clear = clearing(pair.exchange.db, pair.comparison, recovery(pair), clock=lambda: now)
    assert not await clear()
    now += HOLD_SECONDS - 0.1
    assert not await clear()
    assert await pair.exchange.state(first) == "waiting"
    now += 0.1
    assert await clear()
    assert await pair.exchange.state(first) == "held"
    assert await pair.exchange.state(second) == "cleared"
