"""Routes of subscriptions: a system's own Kafka mailbox, asked for, looked at and ended."""

from dataclasses import replace
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.notify import subscribe
from services.notify.api.answers import answer, expected_version
from services.notify.api.inbox import Receiver
from services.notify.connecting import Doors, Subscription, show
from services.notify.store import subscriptions
from services.notify.store.subscriptions import StoredSubscription
from shared import agencies
from shared.db import Connection, Database
from shared.idempotency import digest_of, once
from shared.openapi import told

router = APIRouter(tags=["subscriptions"])


class SubscriptionRequest(BaseModel):
    """What kind of push is wanted."""

    model_config = ConfigDict(extra="ignore")

    kind: Annotated[
        Literal["kafka"], Field(description="`kafka`: a mailbox topic of this system's own.")
    ]


class SubscriptionPage(BaseModel):
    """A system's subscriptions, the newest first; go on with `cursor=next_cursor`."""

    items: list[Subscription]
    next_cursor: str | None


@router.post(
    "/v1/subscriptions",
    status_code=202,
    response_model=Subscription,
    **told(
        "Ask for a Kafka mailbox of this system's own",
        "Đăng ký hộp thư Kafka riêng của hệ thống",
        refuses=(409, 422),
    ),
)
async def post_subscription(
    request: Request, caller: Receiver, body: SubscriptionRequest
) -> Response:
    """Begin a subscription: 202, `pending` until the topic is there, then `ready`.

    From then on every event of the system's agencies also stands on its topic; what came before
    is read by `GET /v1/inbox`. A system has one living subscription of a kind: asking again
    answers it. Needs `Idempotency-Key`.
    """
    db: Database = request.app.state.db
    itself = replace(caller, agencies=())  # the subscription is the system's, not an agency's

    async def work(conn: Connection) -> Response:
        found = await subscribe.subscribe(conn, caller, body.kind)
        return await _one(request, conn, found, 202)

    step = once(request, itself, digest=digest_of(body), work=work)
    return await db.as_caller(caller.visible, step)


@router.get(
    "/v1/subscriptions",
    **told("List this system's subscriptions", "Liệt kê các đăng ký của hệ thống"),
)
async def get_subscriptions(
    request: Request,
    response: Response,
    caller: Receiver,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: UUID | None = None,
) -> SubscriptionPage:
    """List the caller's subscriptions, the newest first, ended ones too."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> SubscriptionPage:
        await subscriptions.act_as(conn, caller.client_id)
        found = await subscriptions.of_client(conn, caller.client_id, before=cursor, limit=limit)
        following = str(found[-1].id) if len(found) == limit else None
        items = [await _show(request, conn, one) for one in found]
        return SubscriptionPage(items=items, next_cursor=following)

    page = await db.as_caller(caller.visible, read)
    if page.next_cursor is not None:
        query = urlencode({**request.query_params, "cursor": page.next_cursor})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return page


@router.get(
    "/v1/subscriptions/{subscription_id}",
    response_model=Subscription,
    **told(
        "Read a subscription; when ready, with everything to connect",
        "Xem một đăng ký; khi sẵn sàng có đủ thông tin kết nối",
        refuses=(404,),
    ),
)
async def get_subscription(request: Request, caller: Receiver, subscription_id: UUID) -> Response:
    """Return one of the caller's subscriptions; `kafka` stands in it when it is ready."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        found = await subscribe.find(conn, caller, subscription_id)
        return await _one(request, conn, found, 200)

    return await db.as_caller(caller.visible, read)


@router.delete(
    "/v1/subscriptions/{subscription_id}",
    status_code=204,
    **told("End a subscription", "Kết thúc một đăng ký", refuses=(404, 412)),
)
async def delete_subscription(
    request: Request, caller: Receiver, subscription_id: UUID
) -> Response:
    """End a subscription at once: nothing more is pushed, and its reader loses its rights.

    Its topic is deleted with all its records; a next subscription begins with an empty one.
    Takes `If-Match`. Ending it again changes nothing.
    """
    db: Database = request.app.state.db
    expected = expected_version(request)
    await db.as_caller(
        caller.visible,
        lambda conn: subscribe.unsubscribe(conn, caller, subscription_id, expected),
    )
    return Response(status_code=204)


async def _one(
    request: Request, conn: Connection, found: StoredSubscription, status: int
) -> Response:
    body = await _show(request, conn, found)
    place = f"/v1/subscriptions/{found.id}"
    return answer(body, status, ETag=f'"{found.version}"', Location=place)


async def _show(request: Request, conn: Connection, found: StoredSubscription) -> Subscription:
    doors: Doors = request.app.state.doors
    ids = sorted({agency for agency, _, _ in found.starts})
    codes = {id_: one.code for id_, one in (await agencies.by_ids(conn, ids)).items()}
    return show(found, doors, codes)
