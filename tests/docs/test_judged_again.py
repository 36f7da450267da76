"""A restored signing judges again what it has forgotten: the same number with other evidence."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.docs.progress import decisive
from services.docs.store import verdicts
from shared.ids import DispatchId
from tests.docs.country import PROVINCE, SENDER, commune
from tests.docs.exchange import Exchange
from tests.docs.server import PDF, Running
from tests.docs.test_deliveries import sent
from tests.docs.test_timeline import timeline

FIRST = datetime(2026, 11, 27, 8, tzinfo=UTC)
AGAIN, ONCE_MORE = FIRST + timedelta(hours=1), FIRST + timedelta(hours=2)


async def referred(exchange: Exchange, dispatch_id: DispatchId) -> list[str]:
    """Return which evidence each judgement of a dispatch refers to, the one that counts last."""
    judged = await exchange.db.look(lambda conn: verdicts.of(conn, dispatch_id))
    return [*(one.evidence_sha256[:2] for one in judged), decisive(judged)[0].evidence_sha256[:2]]


async def test_what_was_judged_again_refers_to_the_new_evidence(exchange: Exchange):
    dispatch = await exchange.send(commune(1))
    await exchange.judge(dispatch, at=FIRST, evidence="e1")
    await exchange.clear()
    await exchange.judge(dispatch, at=AGAIN, evidence="e2")
    assert await referred(exchange, dispatch) == ["e2", "e2"]
    assert await exchange.state(dispatch) == "cleared"


async def test_an_old_event_does_not_bring_old_evidence_back(exchange: Exchange):
    dispatch = await exchange.send(commune(1))
    for at, evidence in ((FIRST, "e1"), (AGAIN, "e2"), (FIRST, "e1"), (ONCE_MORE, "e3")):
        await exchange.judge(dispatch, at=at, evidence=evidence)
    for at, evidence in ((AGAIN, "e2"), (FIRST, "e1"), (ONCE_MORE, "e4")):
        await exchange.judge(dispatch, at=at, evidence=evidence)
        assert await referred(exchange, dispatch) == ["e3", "e3"]


async def test_what_was_judged_last_counts_among_equals_whatever_its_number(exchange: Exchange):
    dispatch = await exchange.send(commune(1))
    await exchange.judge(dispatch, judgement=2, at=FIRST, evidence="e1")
    await exchange.judge(dispatch, judgement=1, at=AGAIN, evidence="e2")
    await exchange.judge(dispatch, judgement=2, at=ONCE_MORE, evidence="e3")
    assert await referred(exchange, dispatch) == ["e2", "e3", "e3"]


async def test_what_was_bad_or_withdrawn_stays_so(exchange: Exchange):
    refused, stopped = [await exchange.send(commune(one)) for one in (1, 2)]
    await exchange.judge(refused, "TOTAL-FAILED", at=FIRST, evidence="e1", reason="SIG-4222")
    await exchange.judge(stopped, at=FIRST, evidence="e1")
    await exchange.withdraw(stopped)
    for one in (refused, stopped):
        await exchange.judge(one, at=AGAIN, evidence="e2")
    await exchange.clear()
    assert await exchange.state(refused) == "refused"
    assert await exchange.state(stopped) == "withdrawn"
    assert await referred(exchange, refused) == ["e1", "e2", "e1"]


async def test_the_timeline_tells_what_was_judged_first_and_once(docs: Running, exchange: Exchange):
    sender = await docs.system(SENDER)
    dispatch = await sent(sender, PDF, recipients=[{"agency": PROVINCE}])
    found, path = DispatchId(UUID(dispatch["id"])), f"/v1/documents/{dispatch['document_id']}"

    async def judged(at: datetime, evidence: str, *, why: str) -> list[dict[str, Any]]:
        await exchange.judge(found, "INDETERMINATE", at=at, evidence=evidence, reason=why)
        return await timeline(sender, path)

    told = await judged(FIRST, "e1", why="SIG-5031")
    assert [one["code"] for one in told if one["what"] == "dispatch.waiting"] == ["SIG-5031"]
    assert await judged(AGAIN, "e2", why="SIG-5032") == told
    assert await judged(ONCE_MORE, "e3", why="SIG-5031") == told
    assert await referred(exchange, found) == ["e3", "e3"]
