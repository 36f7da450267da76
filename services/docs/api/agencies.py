"""`/v1/agencies`, `/v1/directory-changes`: the directory, searched and followed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.docs import directory
from services.docs.agency import Agency, AgencyState, is_code
from services.docs.api.answered import AgencyItem, AgencyPage, ChangesPage
from services.docs.api.answers import (
    MOST_ON_A_PAGE,
    Limit,
    answer,
    bad_parameter,
    position,
    tag,
    warning,
)
from services.docs.api.tables import AS_CSV, rows_wanted, table, wants_csv
from services.docs.store import agencies as store
from shared.db import Connection, Database
from shared.errors import Problem
from shared.identity import Caller, Scoped
from shared.openapi import told

router = APIRouter(tags=["agencies"])

Reader = Annotated[Caller, Depends(Scoped("directory", "registrar"))]

_MOST_CODES = 100
_COLUMNS = {
    name: name
    for name in (
        "code",
        "name",
        "level",
        "parent",
        "state",
        "code_qcvn102",
        "old_codes",
        "valid_from",
        "valid_to",
        "successors",
        "synthetic",
        "version",
        "id",
    )
}


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


class Search(BaseModel):
    """Conditions of `GET /v1/agencies`; all hold together."""

    q: Annotated[str, Field(min_length=1, max_length=200, examples=["thach an"])] | None = Field(
        None,
        description="Beginnings of words of the name, without diacritics or case, or of a code of"
        " any form, old ones too; all must be there, in any order.",
    )
    level: Annotated[str, Field(max_length=35, examples=["commune"])] | None = None
    parent: Annotated[str, Field(max_length=35)] | None = Field(
        None, description="Right below this agency, by a code of any form."
    )
    under: Annotated[str, Field(max_length=35)] | None = Field(
        None, description="At any depth below this agency."
    )
    state: AgencyState | None = None
    code: Annotated[list[str], Field(max_length=_MOST_CODES)] | None = Field(
        None, description="Codes of any form; may be repeated."
    )
    limit: Annotated[int, Field(ge=1, le=MOST_ON_A_PAGE)] | None = Field(
        None, description="Items on a page; 50 where nothing is said."
    )
    cursor: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="`next_cursor` of the page before; other values are refused."
    )


@router.get(
    "/v1/agencies",
    **told(
        "Search agencies by name without diacritics, by code, level, place or state",
        "Tìm cơ quan theo tên (không cần dấu), mã, cấp, cơ quan cấp trên hoặc trạng thái",
        refuses=(406,),
        extra=AS_CSV,
        answers={200: AgencyPage},
    ),
)
async def get_agencies(request: Request, _: Reader, search: Annotated[Search, Query()]) -> Response:
    """List agencies in order of their codes, as JSON or CSV. All conditions hold together."""
    db: Database = request.app.state.db
    rows, after = rows_wanted(request, search.limit), position(search.cursor) or ""

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], str | None]:
        wanted = await _wanted(conn, search)
        if wanted is None:
            return [], None
        found = await store.page(conn, wanted, after=after, limit=rows + 1)
        last = found[rows - 1].code if len(found) > rows else None
        return await shown(conn, found[:rows]), last

    items, last = await db.as_caller((), read)
    return await table(request, items, columns=_COLUMNS, name="agencies", last=last)


async def _wanted(conn: Connection, search: Search) -> store.Wanted | None:
    """Return the conditions with agencies looked up; None when one is below what there is not."""
    above = None if search.parent is None else await store.find(conn, search.parent)
    root = None if search.under is None else await store.find(conn, search.under)
    if (above is None) != (search.parent is None) or (root is None) != (search.under is None):
        return None
    return store.Wanted(
        q=search.q,
        level=search.level,
        state=search.state,
        codes=search.code,
        parent=None if above is None else above.id,
        under=None if root is None else await store.below(conn, root.id),
    )


@router.get(
    "/v1/agencies/{code}",
    **told(
        "One agency by any of its codes",
        "Một cơ quan theo bất kỳ mã nào của nó",
        answers={200: AgencyItem},
    ),
)
async def get_agency(request: Request, code: str, _: Reader) -> Response:
    """Return one agency by any of its codes: present, QCVN 102, or old."""
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        agency = await store.find(conn, code)
        if agency is None:
            raise Problem("REQ-4041")
        return await agency_answer(conn, agency)

    return await db.as_caller((), read)


@router.get(
    "/v1/directory-changes",
    **told(
        "Agencies that changed behind a cursor, each in its present state",
        "Các cơ quan đã thay đổi sau một con trỏ, ở trạng thái hiện tại",
        refuses=(406, 410),
        extra=AS_CSV,
        answers={200: ChangesPage},
    ),
)
async def get_directory_changes(
    request: Request,
    _: Reader,
    *,
    after: Annotated[
        str | None,
        Query(max_length=500, description="`next` of the answer before; none: from the beginning."),
    ] = None,
    limit: Limit = None,
) -> Response:
    """Return changes in order; `next` is where to go on. A cursor of an earlier life: 410."""
    db: Database = request.app.state.db
    rows = rows_wanted(request, limit)

    async def read(conn: Connection) -> tuple[list[dict[str, Any]], str]:
        epoch = await store.epoch(conn)
        version = _version_after(after, epoch)
        found = await store.changed_since(conn, version, limit=rows)
        return await shown(conn, found), f"{epoch}.{found[-1].version if found else version}"

    items, following = await db.as_caller((), read)
    if wants_csv(request):
        made = await table(request, items, columns=_COLUMNS, name="directory-changes")
        made.headers["Link"] = f'<{request.url.path}?after={following}>; rel="next"'
        return made
    return answer({"items": items, "next": following})


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


async def agency_answer(conn: Connection, agency: Agency, *, status: int = 200) -> Response:
    """Return one agency with its ETag; a new one with its address and remarks."""
    [body] = await shown(conn, [agency])
    headers = tag(agency.version)
    if status == 201:  # noqa: PLR2004
        headers["Location"] = f"/v1/agencies/{agency.code}"
        if not is_code(agency.code):
            body["warnings"] = [warning("AGY-2011")]
    return answer(body, status, headers=headers)


async def shown(conn: Connection, found: Sequence[Agency]) -> list[dict[str, Any]]:
    """Return agencies in the shape of the API, with the codes of those that they name."""
    codes = await directory.codes_of(conn, found)
    return [as_json(agency, codes) for agency in found]
