"""What codes mean: problems and business statuses, in the reader's language."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared.errors import Problem, problem_types
from shared.http import speak
from shared.identity import Caller, Scoped
from shared.openapi import told
from shared.status_codes import STATUS_CODES

router = APIRouter()

Anyone = Annotated[Caller, Depends(Scoped())]


class ProblemMeaning(BaseModel):
    """What a code means and the way out; `title` and `hint` follow `Accept-Language`."""

    type: str = Field(examples=["/v1/problems/REQ-4221"])
    code: str = Field(examples=["REQ-4221"])
    status: int
    title: str
    title_en: str
    hint: str
    hint_en: str


class ProblemTable(BaseModel):
    """Every problem that the exchange can name."""

    items: list[ProblemMeaning]


class StatusCode(BaseModel):
    """A status that agencies report to each other; `title` follows `Accept-Language`."""

    code: str = Field(examples=["03"])
    title: str
    title_en: str


class StatusCodes(BaseModel):
    """The catalogue of QCVN 102."""

    items: list[StatusCode]


@router.get(
    "/v1/problems",
    response_model=ProblemTable,
    **told("List every problem and what to do", "Liệt kê mọi mã lỗi và cách xử lý"),
)
async def get_problems(request: Request, _caller: Anyone) -> Response:
    """Return every problem that the exchange can name."""
    return speak(request, {"items": [_problem(code) for code in problem_types()]})


@router.get(
    "/v1/problems/{code}",
    response_model=ProblemMeaning,
    **told("Read what a problem means", "Đọc ý nghĩa một mã lỗi", refuses=(404,)),
)
async def get_problem(request: Request, code: str, _caller: Anyone) -> Response:
    """Return what a problem means and the way out of it."""
    if code not in problem_types():
        raise Problem("REQ-4041")
    return speak(request, _problem(code))


@router.get(
    "/v1/status-codes",
    response_model=StatusCodes,
    **told("List the status codes", "Liệt kê mã trạng thái xử lý văn bản"),
)
async def get_status_codes(request: Request, _caller: Anyone) -> Response:
    """Return the status codes that agencies report to each other (QCVN 102)."""
    rows = [{"code": code, "title": vi, "title_en": en} for code, vi, en in STATUS_CODES]
    return speak(request, {"items": rows})


def _problem(code: str) -> dict[str, Any]:
    row = problem_types()[code]
    return {
        "type": f"/v1/problems/{row.code}",
        "code": row.code,
        "status": row.status,
        "title": row.title,
        "title_en": row.title_en,
        "hint": row.hint,
        "hint_en": row.hint_en,
    }
