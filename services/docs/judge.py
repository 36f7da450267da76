"""Between 6 and 7: what signing judged is kept, and decides whether a dispatch may go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from services.docs.store import changes, deliveries, dispatches, verdicts
from services.docs.store.dispatches import Dispatch
from services.docs.store.verdicts import Judgement
from services.docs.turns import Verdict
from shared import outbox
from shared.consumer import On
from shared.db import Connection
from shared.events import DispatchChanged, DocumentExamined, VerdictWithdrawn
from shared.ids import AgencyId, DispatchId
from shared.kafka import Record

REFUSED = "DSP-4091"
"""Reason of a refusal when signing gave none."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What all judgements of a dispatch come to."""

    verdict: Verdict | None
    reason: str | None = None


def weigh(
    files: Sequence[str], judgements: Sequence[Judgement], *, withdrawal: str | None
) -> Weighed:
    """Weigh judgements of these digests: withdrawn > bad > good > cannot tell (which is none yet).

    Numbers of judgements do not count: a restored signing counts again. One bad file refuses the
    whole dispatch; it is good when every file is.
    """
    if withdrawal is not None:
        return Weighed(Verdict.WITHDRAWN, withdrawal)
    wanted = set(files)
    bad = [one for one in judgements if one.indication == "TOTAL-FAILED" and one.sha256 in wanted]
    if bad:
        return Weighed(Verdict.BAD, bad[0].reason or REFUSED)
    good = {one.sha256 for one in judgements if one.indication == "TOTAL-PASSED"}
    return Weighed(Verdict.GOOD if wanted <= good else None)


async def examined(conn: Connection, event: DocumentExamined, _record: Record) -> None:
    """Keep a verdict and weigh its dispatch again; the sender hears why one is still waiting."""
    new = await verdicts.keep(conn, event)
    dispatch = await dispatches.lock(conn, DispatchId(event.dispatch_id))
    if dispatch is None:
        return
    weighed = await _settle(conn, dispatch)
    if new and weighed.verdict is None and event.indication == "INDETERMINATE":
        await tell(conn, [changed(dispatch, "waiting", reason=event.reason)])


async def withdrawn(conn: Connection, event: VerdictWithdrawn, _record: Record) -> None:
    """Keep a withdrawal; it wins over every verdict, whichever comes first."""
    await verdicts.keep_withdrawal(conn, event)
    dispatch = await dispatches.lock(conn, DispatchId(event.dispatch_id))
    if dispatch is not None:
        await _settle(conn, dispatch)


async def adopted(conn: Connection, dispatch_id: DispatchId, recipient: AgencyId) -> None:
    """Bring a dispatch of which an entry was taken over to where it stands with that.

    When no copy is undecided any more it is cleared, and its sender is told: what was told of that
    is forgotten. Judgements may have come while docs did not know the dispatch. So may a withdrawal
    while docs did not know that this copy, or any, has a number; then nobody who holds one has
    heard of it.
    """
    closed = await dispatches.close_if_done(conn, dispatch_id)
    dispatch = await dispatches.lock(conn, dispatch_id)
    if dispatch is None:
        return
    if closed:
        await tell(conn, [changed(dispatch, "cleared")])
    weighed = await _weigh_numbered(conn, dispatch)
    if weighed.verdict not in (None, dispatch.verdict):
        await dispatches.set_verdict(conn, dispatch.id, weighed.verdict)
    if weighed.verdict is not Verdict.WITHDRAWN:
        return
    reason = weighed.reason or REFUSED
    if dispatch.state == "withdrawn":  # all others were told
        await tell(conn, _withdrawals(dispatch, [recipient], reason=reason))
        return
    await withdraw(conn, dispatch, reason=reason)


async def _weigh(conn: Connection, dispatch: Dispatch) -> Weighed:
    return weigh(
        [file.sha256 for file in dispatch.files],
        await verdicts.of(conn, dispatch.id),
        withdrawal=await verdicts.withdrawal(conn, dispatch.id),
    )


async def _weigh_numbered(conn: Connection, dispatch: Dispatch) -> Weighed:
    """Numbers that were given cannot be taken back: what is bad with them is a withdrawal."""
    weighed = await _weigh(conn, dispatch)
    if weighed.verdict is not Verdict.BAD or not await deliveries.reached(conn, dispatch.id):
        return weighed
    reason = weighed.reason or REFUSED
    await verdicts.withdraw(conn, dispatch.id, judgement=0, reason=reason)
    return Weighed(Verdict.WITHDRAWN, reason)


async def _settle(conn: Connection, dispatch: Dispatch) -> Weighed:
    """Bring a locked dispatch to what is judged of it now."""
    weighed = await _weigh_numbered(conn, dispatch)
    if weighed.verdict is None or weighed.verdict is dispatch.verdict:
        return weighed
    await dispatches.set_verdict(conn, dispatch.id, weighed.verdict)
    if weighed.verdict is Verdict.WITHDRAWN and dispatch.state != "refused":
        await withdraw(conn, dispatch, reason=weighed.reason or REFUSED)
    return weighed


async def withdraw(conn: Connection, dispatch: Dispatch, *, reason: str) -> None:
    """Refuse the copies without a number; tell the sender, and those whose copies have one."""
    await deliveries.fail_rest(conn, dispatch.id, reason=reason)
    await dispatches.move(conn, dispatch.id, state="withdrawn", reason=reason)
    holders = await deliveries.reached(conn, dispatch.id)
    told = _withdrawals(dispatch, holders, reason=reason)
    await tell(conn, [changed(dispatch, "withdrawn", reason=reason), *told])


def _withdrawals(
    dispatch: Dispatch, recipients: Sequence[AgencyId], *, reason: str
) -> list[DispatchChanged]:
    event = changed(dispatch, "withdrawn", reason=reason)
    return [event.model_copy(update={"recipient_id": one}) for one in recipients]


async def reason_of(conn: Connection, dispatch: Dispatch) -> str:
    """Return why a dispatch is not good: a code of the problem table."""
    return (await _weigh(conn, dispatch)).reason or REFUSED


Change: TypeAlias = Literal[
    "waiting", "held", "refused", "cleared", "recipient_failed", "withdrawn"
]


def changed(dispatch: Dispatch, change: Change, *, reason: str | None = None) -> DispatchChanged:
    """Return the event that tells the sender what became of a dispatch."""
    return DispatchChanged(
        dispatch_id=dispatch.id,
        document_id=dispatch.document_id,
        sender_id=dispatch.sender_id,
        change=change,
        reason=reason,
    )


async def tell(conn: Connection, events: Sequence[DispatchChanged]) -> None:
    """Tell what became of a dispatch, and keep it for the timeline of its document."""
    if events:
        await changes.keep(conn, events)
        await outbox.put_all(conn, list(events))


HANDLERS = (On(DocumentExamined, examined), On(VerdictWithdrawn, withdrawn))
