"""Routes of business statuses: the recipient reports, both sides read."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.notify import report, status
from services.notify.api.answers import answer
from services.notify.api.inbox import Receiver
from services.notify.report import History, Report
from services.notify.store.statuses import StoredStatus, Words
from shared.db import Connection, Database
from shared.failpoint import reach
from shared.idempotency import digest_of, once
from shared.identity import Caller, Scoped
from shared.ids import DeliveryId
from shared.openapi import told
from shared.status_codes import TEXTS
from shared.text import SHOWN, Line, visible

router = APIRouter(tags=["statuses"])

Code = Literal["02", "03", "04", "05", "06"]
_Note = Annotated[str, AfterValidator(visible)]


class Staff(BaseModel):
    """Who works on it, for the sender to ask."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[Line, Field(min_length=1, max_length=200, examples=["Nông Thị Hoa"]), SHOWN]
    department: Annotated[Line | None, Field(max_length=200, examples=["Văn thư"])] = None


class StatusReport(BaseModel):
    """A status that the recipient reports."""

    model_config = ConfigDict(extra="ignore")

    code: Annotated[Code, Field(description="The code, as GET /v1/status-codes explains it.")]
    arrival_number: Annotated[
        Line | None,
        Field(
            min_length=1,
            max_length=50,
            examples=["1234"],
            description="Number in the recipient's register of incoming documents (with 03).",
        ),
    ] = None
    staff: Staff | None = None
    note: Annotated[_Note | None, Field(max_length=1000, examples=["Vào sổ văn bản đến"])] = None
    reopen: Annotated[
        bool, Field(description="With code 05 after 06: the end was reported by mistake.")
    ] = False


class StaffItem(BaseModel):
    """Who works on it, as it was recorded."""

    name: str
    department: str | None = None


class StatusItem(BaseModel):
    """One status of a delivery; 01 is the acknowledgement and stands at step 0."""

    step: int
    code: str
    title: str
    title_en: str
    at: datetime
    acted: str | None
    """Code of the agency that acted: the recipient, or a successor of a closed one."""
    arrival_number: str | None = None
    staff: StaffItem | None = None
    note: str | None = None


class StatusAnswer(StatusItem):
    """The status that was recorded, and what may be reported next."""

    delivery_id: UUID
    allowed: list[str]


class StatusHistory(BaseModel):
    """What a delivery has come through, oldest first, and what may be reported next."""

    delivery_id: UUID
    current: str
    allowed: list[str]
    items: list[StatusItem]


@router.post(
    "/v1/deliveries/{delivery_id}/statuses",
    status_code=201,
    response_model=StatusAnswer,
    **told(
        "Report a status (02 to 06) of a received delivery",
        "Báo trạng thái xử lý (02 đến 06) của văn bản đã nhận",
        refuses=(404, 409, 422),
    ),
)
async def post_status(
    request: Request, caller: Receiver, delivery_id: UUID, body: StatusReport
) -> Response:
    """Report how far the recipient has come. Needs the acknowledgement, and `Idempotency-Key`.

    01 leads to 02 (refused, the end) or 03; 03 to 04 or 05; 04 to 05 or 06; 05 to 06. A 06 that
    was a mistake is taken back by `{"code": "05", "reopen": true}`. Any other step is answered
    409 with `allowed`.
    """
    db: Database = request.app.state.db
    new = Report(body.code, body.reopen, _words(body))

    async def work(conn: Connection) -> Response:
        made = await report.report(conn, caller, DeliveryId(delivery_id), new)
        return answer(_recorded(made, caller.agency().code), 201, Location=request.url.path)

    step = once(request, caller, digest=digest_of(body), work=work)
    recorded = await db.as_caller(caller.visible, step)
    reach("notify.status.committed")
    return recorded


@router.get(
    "/v1/deliveries/{delivery_id}/statuses",
    **told(
        "Read the status history of a delivery",
        "Xem lịch sử trạng thái của một lượt giao",
        refuses=(404, 409),
    ),
)
async def get_statuses(
    request: Request,
    caller: Annotated[Caller, Depends(Scoped("documents.receive", "documents.send"))],
    delivery_id: UUID,
) -> StatusHistory:
    """Return what a delivery has come through, to its recipient and its sender.

    Before the acknowledgement there is none: 409 for the recipient, 404 for the sender.
    """
    db: Database = request.app.state.db
    found = await db.as_caller(
        caller.visible, lambda conn: report.history(conn, caller, DeliveryId(delivery_id))
    )
    return _show(found)


def _words(body: StatusReport) -> Words:
    staff = body.staff
    return Words(
        body.arrival_number,
        None if staff is None else staff.name,
        None if staff is None else staff.department,
        body.note,
    )


def _item(one: StoredStatus, acted: str | None) -> StatusItem:
    title, title_en = TEXTS[one.code]
    words = one.words
    return StatusItem(
        step=one.step,
        code=one.code,
        title=title,
        title_en=title_en,
        at=one.reported_at,
        acted=acted,
        arrival_number=words.arrival_number,
        staff=None
        if words.staff_name is None
        else StaffItem(name=words.staff_name, department=words.staff_department),
        note=words.note,
    )


def _recorded(made: StoredStatus, acted: str) -> StatusAnswer:
    item = _item(made, acted)
    return StatusAnswer(
        **item.model_dump(),
        delivery_id=made.delivery_id,
        allowed=list(status.allowed(made.code)),
    )


def _show(found: History) -> StatusHistory:
    receipt = found.receipt
    title, title_en = TEXTS[status.ARRIVED]
    arrived = StatusItem(
        step=0,
        code=status.ARRIVED,
        title=title,
        title_en=title_en,
        at=receipt.acknowledged_at,
        acted=found.codes.get(receipt.acting_agency_id),
    )
    reported = [_item(one, found.codes.get(one.acting_agency_id)) for one in found.reported]
    return StatusHistory(
        delivery_id=receipt.delivery_id,
        current=found.current,
        allowed=list(status.allowed(found.current)),
        items=[arrived, *reported],
    )
