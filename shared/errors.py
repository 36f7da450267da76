"""Problems (RFC 9457): one table of codes, one exception, raised where the fact is known."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row of the table: what a code means, in Vietnamese and English, and the way out."""

    code: str
    status: int
    title: str
    title_en: str
    hint: str
    hint_en: str


@cache
def problem_types() -> dict[str, ProblemType]:
    """Return the table of problem codes (`shared/problems.toml`), by code."""
    rows = tomllib.loads(Path(__file__).with_name("problems.toml").read_text(encoding="utf-8"))
    return {code: ProblemType(code=code, **row) for code, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty place in the input: an RFC 6901 pointer and what is wrong there."""

    pointer: str
    detail: str
    detail_en: str
    place: Literal["body", "query", "path", "header"] = "body"
    """What the pointer points into; of a parameter it is the name, such as `/limit`."""


class Problem(Exception):  # noqa: N818 (the field's term, RFC 9457)
    """A named failure that reaches the caller; `shared.http` renders it once."""

    def __init__(
        self,
        code: str,
        *,
        vi: str | None = None,
        en: str | None = None,
        faults: Sequence[Fault] = (),
        retry_after: int | None = None,
        **extra: Any,  # noqa: ANN401 (extension members of RFC 9457 3.2 are any JSON)
    ) -> None:
        """Make a problem of a known code; `vi` and `en` say what is particular to this case.

        `faults` name the places in the input; `retry_after` is in seconds; `extra` become
        extension members. Raises KeyError for a code that is not in the table.
        """
        self.type = problem_types()[code]
        self.vi, self.en = vi, en
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.extra = extra
        self.headers: dict[str, str] = {}
        """Further headers of the answer, which whoever raises it may set."""
        super().__init__(f"{code} {en or self.type.title_en}")

    @property
    def code(self) -> str:
        """Return the code, such as `REQ-4001`."""
        return self.type.code


class Unavailable(Problem):
    """A dependency does not answer now: 503 with `Retry-After`; background work tries again."""

    def __init__(self, what: str, *, retry_after: int = 1) -> None:
        """Name what is missing, for people; `retry_after` is in seconds."""
        super().__init__(
            "SYS-5031",
            vi=f"{what} hiện không trả lời.",
            en=f"{what} does not answer now.",
            retry_after=retry_after,
        )
