"""Internal routes for the provisioner: which mailbox topics and rights have to be there."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from services.notify import subscribe
from services.notify.store import subscriptions
from services.notify.store.subscriptions import StoredSubscription
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told
from shared.tokens import kafka_principal

router = APIRouter(tags=["internal"])

Provisioner = Annotated[Caller, Depends(Scoped("internal"))]


class Provided(BaseModel):
    """A subscription as the provisioner sees it."""

    id: UUID
    client_id: str
    state: Literal["pending", "ready", "ended"]
    topic: str
    version: int
    reader: str | None = None
    """In the list: the Kafka user of its system's present tokens, as far as notify knows."""


class ToProvide(BaseModel):
    """All that is not removed; an ended one is here until `…/removed` was called."""

    items: list[Provided]


class Ready(BaseModel):
    """Topic and rights are there."""

    model_config = ConfigDict(extra="ignore")

    bootstrap: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]
    """Where integrators reach the brokers."""


@router.get(
    "/internal/subscriptions",
    **told("List the subscriptions to provide for", "Liệt kê các đăng ký cần cấp phát"),
)
async def get_provided(request: Request, _caller: Provisioner) -> ToProvide:
    """Return what needs a topic and rights, or has to lose both.

    A new subscription to a topic is not here before the ended one before it is removed.
    """
    db: Database = request.app.state.db
    found = await db.as_worker(subscriptions.to_provide)
    return ToProvide(items=[_show(*one) for one in found])


@router.post(
    "/internal/subscriptions/{subscription_id}/ready",
    **told("Topic and rights are there", "Chủ đề và quyền đã sẵn sàng", refuses=(404,)),
)
async def post_ready(
    request: Request, _caller: Provisioner, subscription_id: UUID, body: Ready
) -> Provided:
    """Let a pending subscription begin. Repeating it changes nothing; an ended one stays ended."""
    db: Database = request.app.state.db
    found = await db.as_worker(
        lambda conn: subscribe.make_ready(conn, subscription_id, body.bootstrap)
    )
    return _show(found)


@router.post(
    "/internal/subscriptions/{subscription_id}/removed",
    **told("Rights and topic are gone", "Quyền và chủ đề đã được gỡ bỏ", refuses=(404,)),
)
async def post_removed(request: Request, _caller: Provisioner, subscription_id: UUID) -> Provided:
    """Note that an ended subscription has no rights and no topic any more; a living one is left."""
    db: Database = request.app.state.db

    async def note(conn: Connection) -> StoredSubscription:
        found = await subscriptions.lock(conn, subscription_id)
        if found is None:
            raise Problem("REQ-4041")
        await subscriptions.removed(conn, subscription_id)
        return found

    return _show(await db.as_worker(note))


def _show(one: StoredSubscription, not_before: datetime | None = None) -> Provided:
    return Provided(
        id=one.id,
        client_id=one.client_id,
        state=one.state,
        topic=one.topic,
        version=one.version,
        reader=None if not_before is None else kafka_principal(one.client_id, not_before),
    )
