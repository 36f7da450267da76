"""Recipients as callers name them: `{"agency": code}` or `{"select": {"level", "under"}}`."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.docs.document import Named, RecipientChoice, Selection
from services.docs.routing import MOST_RECIPIENTS, MOST_SELECTIONS, check_selections

_Code = Annotated[str, Field(min_length=1, max_length=35)]


class Selected(BaseModel):
    """All active agencies of a level, those below an agency, or both together."""

    level: Annotated[str, Field(min_length=1, max_length=35)] | None = None
    under: _Code | None = None

    @model_validator(mode="after")
    def _selects_something(self) -> "Selected":
        if self.level is None and self.under is None:
            raise PydanticCustomError(
                "empty_selection", "Name a level, an agency to look under, or both"
            )
        return self


class Recipient(BaseModel):
    """One agency by any of its codes, or a selection; exactly one of the two."""

    model_config = ConfigDict(extra="forbid")

    agency: _Code | None = None
    select: Selected | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Recipient":
        if (self.agency is None) == (self.select is None):
            raise PydanticCustomError(
                "one_of_two", "Name an agency or a selection, exactly one of the two"
            )
        return self


Recipients = Annotated[
    list[Recipient],
    Field(
        max_length=MOST_RECIPIENTS,
        description=f"At most {MOST_SELECTIONS} of them are selections.",
    ),
]


def choices(recipients: Sequence[Recipient]) -> tuple[RecipientChoice, ...]:
    """Return what was named, as the domain knows it. Raises Problem REQ-4221 (`select`)."""
    named = tuple(
        Named(one.agency or "")
        if one.select is None
        else Selection(level=one.select.level, under=one.select.under)
        for one in recipients
    )
    check_selections(named)
    return named
