"""Routes of acknowledgement and receipt."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from services.notify import receive
from services.notify.api.inbox import Receiver
from services.notify.store.receipts import StoredReceipt
from shared.db import Database
from shared.failpoint import reach
from shared.identity import Caller, Scoped
from shared.ids import DeliveryId
from shared.openapi import told

router = APIRouter(tags=["acknowledgement"])

_FILES = 100


class Acknowledgement(BaseModel):
    """The SHA-256 (hex) that the recipient computed of every file of the delivery."""

    model_config = ConfigDict(extra="ignore")

    digests: Annotated[dict[UUID, str], Field(min_length=1, max_length=_FILES)]
    lease: UUID | None = None
    """The lease under which it was fetched, if any; not needed."""


class ReceiptAnswer(BaseModel):
    """The signed receipt (JWS, compact form); `python -m infra.receipts verify` checks it."""

    delivery_id: UUID
    transport: Literal["acknowledged"] = "acknowledged"
    status: Literal["01"] = "01"
    """What the acknowledgement reports; 02 to 06 come by `…/statuses`."""
    acknowledged_at: datetime
    receipt: str


@router.post(
    "/v1/deliveries/{delivery_id}/acknowledgement",
    **told(
        "Acknowledge a delivery by its files' digests; the answer is a signed receipt",
        "Xác nhận đã nhận bằng mã băm của các tệp; trả về biên nhận đã ký",
        refuses=(404, 422),
    ),
)
async def post_acknowledgement(
    request: Request, caller: Receiver, delivery_id: UUID, body: Acknowledgement
) -> ReceiptAnswer:
    """Confirm receipt by the exact set of digests. Repeating it answers the same receipt."""
    db: Database = request.app.state.db
    desk: receive.Desk = request.app.state.desk
    kept = await db.as_caller(
        caller.visible,
        lambda conn: receive.acknowledge(conn, desk, caller, DeliveryId(delivery_id), body.digests),
    )
    reach("notify.acknowledge.committed")
    return _show(kept)


@router.get(
    "/v1/deliveries/{delivery_id}/receipt",
    **told("Read the signed receipt of a delivery", "Lấy biên nhận đã ký", refuses=(404,)),
)
async def get_receipt(
    request: Request,
    caller: Annotated[Caller, Depends(Scoped("documents.receive", "documents.send"))],
    delivery_id: UUID,
) -> ReceiptAnswer:
    """Return the receipt of a delivery to its recipient or its sender."""
    db: Database = request.app.state.db
    kept = await db.as_caller(
        caller.visible,
        lambda conn: receive.receipt_of(conn, caller, DeliveryId(delivery_id)),
    )
    return _show(kept)


def _show(kept: StoredReceipt) -> ReceiptAnswer:
    return ReceiptAnswer(
        delivery_id=kept.delivery_id,
        acknowledged_at=kept.acknowledged_at,
        receipt=kept.receipt,
    )
