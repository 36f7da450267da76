"""`/internal/…` of docs for notify: heads, entries to catch up with, receipts to restore from."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.docs.api.answers import answer
from services.docs.store import dispatches, lives, mailboxes, statuses, verdicts
from shared.chain import Lane
from shared.db import Connection, Database
from shared.identity import Caller, Scoped
from shared.ids import AgencyId, DeliveryId
from shared.openapi import told

router = APIRouter(tags=["internal"])

Service = Annotated[Caller, Depends(Scoped("internal"))]
Count = Annotated[int, Query(ge=1, le=1_000)]


@router.get(
    "/internal/heads",
    **told("Last number and hash of every lane", "Số cuối và mã băm của mọi làn hộp thư"),
)
async def get_heads(request: Request, _: Service) -> Response:
    """Return the last number and hash of every lane, and which life of this database says so."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        heads = [
            {
                "agency_id": head.agency_id,
                "lane": head.lane,
                "sequence": head.sequence,
                "hash": head.hash.hex(),
            }
            for head in await mailboxes.heads(conn)
        ]
        return answer({"epoch": await dispatches.epoch(conn), "heads": heads})

    return await db.as_worker(read)


@router.get(
    "/internal/mailboxes/{agency}/{lane}",
    **told("A lane's entries from a number on", "Các mục của một làn từ một số trở đi"),
)
async def get_mailbox(
    request: Request,
    _: Service,
    agency: UUID,
    lane: Lane,
    first: Annotated[int, Query(alias="from", ge=1, lt=1 << 63)] = 1,
    limit: Count = 200,
) -> Response:
    """Return a lane's entries from a number on, byte for byte, with its head and their traces."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        owner = AgencyId(agency)
        # The entries first: what is cleared between the two reads then only makes the head higher.
        entries = await mailboxes.entries(conn, owner, lane=lane, first=first, limit=limit)
        head = await mailboxes.head(conn, owner, lane=lane)
        return answer(
            {
                "epoch": await dispatches.epoch(conn),
                "head": {"sequence": head.sequence, "hash": head.hash.hex()},
                "entries": [entry.model_dump(mode="json") for entry in entries],
                "traceparents": await mailboxes.contexts(conn, entries),
            }
        )

    return await db.as_worker(read)


@router.get("/internal/receipts", **told("Receipts, to restore from", "Biên nhận, để khôi phục"))
async def get_receipts(
    request: Request,
    _: Service,
    agency: UUID | None = None,
    after: UUID | None = None,
    limit: Count = 500,
    notify_epoch: UUID | None = None,
) -> Response:
    """Return receipts byte for byte, in order of delivery; `next` is where to go on.

    With them the statuses of the same deliveries. From now on only answers of notify with the
    epoch `notify_epoch` count: a receipt that an earlier one was still telling is signed anew.
    """
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        if notify_epoch is not None:
            present = await lives.notify_epoch(conn)
            await lives.meet_notify(conn, notify_epoch, asked_under=present)
        owner = None if agency is None else AgencyId(agency)
        found = await verdicts.receipts(conn, agency=owner, after=after, limit=limit)
        reported = await statuses.reported(conn, [DeliveryId(one.delivery_id) for one in found])
        return answer(
            {
                "epoch": await dispatches.epoch(conn),
                "items": [one.model_dump(mode="json") for one in found],
                "statuses": [one.model_dump(mode="json") for one in reported],
                "next": found[-1].delivery_id if len(found) == limit else None,
            }
        )

    return await db.as_worker(read)
