"""`/v1/agencies`, for registrars: new agencies, their states, who takes over from whom."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.docs import directory
from services.docs.agency import Agency, AgencyState, clean_name
from services.docs.api.agencies import agency_answer
from services.docs.api.answered import AgencyItem
from services.docs.api.answers import digest_of_json, expected_versions
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.events.topics import LEVELS
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.openapi import told
from shared.text import forbidden

router = APIRouter(tags=["agencies"])

Registrar = Annotated[Caller, Depends(Scoped("registrar"))]

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=35)]


class NewAgency(BaseModel):
    """An agency to register; `parent` by any of its codes."""

    code: Code
    code_qcvn102: Code | None = None
    old_codes: Annotated[list[Code], Field(max_length=20)] = []
    name: Annotated[str, Field(min_length=1, max_length=200)]
    level: str
    parent: Code | None = None
    valid_from: date | None = None


class StateChange(BaseModel):
    """A move that takes effect now; closing may name the successors."""

    state: AgencyState
    successors: Annotated[list[Code], Field(max_length=50)] = []


class Succession(BaseModel):
    """Who takes over: one (merger), several (split)."""

    successors: Annotated[list[Code], Field(min_length=1, max_length=50)]


@router.post(
    "/v1/agencies",
    status_code=201,
    **told("Register an agency", "Đăng ký một cơ quan", refuses=(409,), answers={201: AgencyItem}),
)
async def post_agency(request: Request, body: NewAgency, caller: Registrar) -> Response:
    """Register an agency. Codes are kept as given; one of unusual form is accepted and named."""
    if body.level not in LEVELS:
        expected = ", ".join(LEVELS)
        fault = Fault("/level", f"Phải là một trong: {expected}.", f"One of: {expected}.")
        raise Problem("REQ-4221", faults=[fault])
    name = clean_name(body.name)
    if not name:
        raise Problem("REQ-4221", faults=[Fault("/name", "Tên trống.", "The name is blank.")])
    if found := forbidden(name):
        raise Problem("REQ-4221", faults=[Fault("/name", found.vi, found.en)])
    registration = directory.Registration(
        code=body.code,
        code_qcvn102=body.code_qcvn102,
        old_codes=tuple(body.old_codes),
        name=name,
        level=body.level,
        parent=body.parent,
        valid_from=body.valid_from,
    )
    return await _change(
        request,
        caller,
        lambda conn: directory.register(conn, registration),
    )


@router.post(
    "/v1/agencies/{code}/state-changes",
    status_code=201,
    **told(
        "Suspend, close or reopen an agency",
        "Tạm ngừng, chấm dứt hoặc mở lại một cơ quan",
        refuses=(409, 412),
        answers={201: AgencyItem},
    ),
)
async def post_state_change(
    request: Request, code: str, body: StateChange, caller: Registrar
) -> Response:
    """Suspend, close or reopen an agency from now on."""
    expected = expected_versions(request)
    return await _change(
        request,
        caller,
        lambda conn: directory.move(
            conn, code, body.state, successors=body.successors, expected=expected
        ),
    )


@router.post(
    "/v1/agencies/{code}/successions",
    status_code=201,
    **told(
        "Name who takes over an agency",
        "Nêu cơ quan kế thừa một cơ quan",
        refuses=(409, 412),
        answers={201: AgencyItem},
    ),
)
async def post_succession(
    request: Request, code: str, body: Succession, caller: Registrar
) -> Response:
    """Name who takes over an agency."""
    expected = expected_versions(request)
    return await _change(
        request,
        caller,
        lambda conn: directory.succeed(conn, code, successors=body.successors, expected=expected),
    )


async def _change(
    request: Request,
    caller: Caller,
    change: Callable[[Connection], Awaitable[Agency]],
) -> Response:
    db: Database = request.app.state.db
    digest = await digest_of_json(request)

    async def work(conn: Connection) -> Response:
        agency = await change(conn)
        return await agency_answer(conn, agency, status=201)

    return await db.as_caller(caller.visible, once(request, caller, digest=digest, work=work))
