"""`/v1/agencies`, `/v1/directory-changes`: the directory for all, its changes for registrars."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.docs import directory
from services.docs.agency import Agency, AgencyState, clean_name, is_code
from services.docs.api.answers import (
    Cursor,
    Limit,
    answer,
    bad_parameter,
    digest_of_json,
    expected_version,
    page,
    position,
    tag,
    warning,
)
from services.docs.store import agencies as store
from shared.db import Connection, Database
from shared.errors import Fault, Problem
from shared.events.topics import LEVELS
from shared.idempotency import once
from shared.identity import Caller, Scoped

router = APIRouter(tags=["agencies"])

Reader = Annotated[Caller, Depends(Scoped("directory", "registrar"))]
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


def as_json(agency: Agency, codes: Mapping[UUID, str]) -> dict[str, Any]:
    """Return an agency as callers see it; others are named by their present codes."""
    return {
        "id": agency.id,
        "code": agency.code,
        "code_qcvn102": agency.code_qcvn102,
        "old_codes": agency.old_codes,
        "name": agency.name,
        "level": agency.level,
        "parent": None if agency.parent_id is None else codes[agency.parent_id],
        "state": agency.state,
        "valid_from": agency.valid_from,
        "valid_to": agency.valid_to,
        "successors": [codes[successor] for successor in agency.successors],
        "synthetic": agency.synthetic,
        "version": agency.version,
    }


@router.get("/v1/agencies")
async def get_agencies(
    request: Request,
    _: Reader,
    *,
    level: str | None = None,
    parent: str | None = None,
    state: AgencyState | None = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """List agencies in order of their codes; `q` finds names and codes without diacritics."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        above = None if parent is None else await store.find(conn, parent)
        if parent is not None and above is None:
            return page(request, [], last=None)
        wanted = store.Wanted(level, None if above is None else above.id, state, q)
        found = await store.page(conn, wanted, after=position(cursor) or "", limit=limit + 1)
        shown = found[:limit]
        last = shown[-1].code if len(found) > limit else None
        return page(request, await _shown(conn, shown), last=last)

    return await db.as_caller((), read)


@router.get("/v1/agencies/{code}")
async def get_agency(request: Request, code: str, _: Reader) -> Response:
    """Return one agency by any of its codes: present, QCVN 102, or old."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        agency = await store.find(conn, code)
        if agency is None:
            raise Problem("REQ-4041")
        return await _answer(conn, agency)

    return await db.as_caller((), read)


@router.post("/v1/agencies", status_code=201)
async def post_agency(request: Request, body: NewAgency, caller: Registrar) -> Response:
    """Register an agency. Codes are kept as given; one of unusual form is accepted and named."""
    if body.level not in LEVELS:
        expected = ", ".join(LEVELS)
        fault = Fault("/level", f"Phải là một trong: {expected}.", f"One of: {expected}.")
        raise Problem("REQ-4221", faults=[fault])
    name = clean_name(body.name)
    if not name:
        raise Problem("REQ-4221", faults=[Fault("/name", "Tên trống.", "The name is blank.")])
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


@router.post("/v1/agencies/{code}/state-changes", status_code=201)
async def post_state_change(
    request: Request, code: str, body: StateChange, caller: Registrar
) -> Response:
    """Suspend, close or reopen an agency from now on."""
    expected = expected_version(request)
    return await _change(
        request,
        caller,
        lambda conn: directory.move(
            conn, code, body.state, successors=body.successors, expected=expected
        ),
    )


@router.post("/v1/agencies/{code}/successions", status_code=201)
async def post_succession(
    request: Request, code: str, body: Succession, caller: Registrar
) -> Response:
    """Name who takes over an agency."""
    expected = expected_version(request)
    return await _change(
        request,
        caller,
        lambda conn: directory.succeed(conn, code, successors=body.successors, expected=expected),
    )


@router.get("/v1/directory-changes")
async def get_directory_changes(
    request: Request, _: Reader, *, after: Cursor | None = None, limit: Limit = 50
) -> Response:
    """Return agencies that changed behind the cursor `after`, each in its present state."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        epoch = await store.epoch(conn)
        version = _version_after(after, epoch)
        found = await store.changed_since(conn, version, limit=limit)
        following = f"{epoch}.{found[-1].version if found else version}"
        return answer({"items": await _shown(conn, found), "next": following})

    return await db.as_caller((), read)


def _version_after(after: str | None, epoch: UUID) -> int:
    if after is None:
        return 0
    life, _, number = after.partition(".")
    try:
        known = UUID(life) == epoch
    except ValueError:
        raise bad_parameter("after") from None
    if not (number.isascii() and number.isdecimal() and len(number) < 19):  # noqa: PLR2004 (bigint)
        raise bad_parameter("after")
    if not known:
        raise Problem("REQ-4101")
    return int(number)


async def _change(
    request: Request,
    caller: Caller,
    change: Callable[[Connection], Awaitable[Agency]],
) -> Response:
    db: Database = request.app.state.db
    digest = await digest_of_json(request)

    async def step(conn: Connection) -> Response:
        async def work() -> Response:
            agency = await change(conn)
            return await _answer(conn, agency, status=201)

        return await once(conn, request, caller, digest=digest, work=work)

    return await db.as_caller(caller.visible, step)


async def _answer(conn: Connection, agency: Agency, *, status: int = 200) -> Response:
    [body] = await _shown(conn, [agency])
    headers = tag(agency.version)
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"/v1/agencies/{agency.code}"
        if not is_code(agency.code):
            body["warnings"] = [warning("AGY-2011")]
    return answer(body, status, headers=headers)


async def _shown(conn: Connection, found: Sequence[Agency]) -> list[dict[str, Any]]:
    codes = await directory.codes_of(conn, found)
    return [as_json(agency, codes) for agency in found]
