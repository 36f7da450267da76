"""Drafts as callers write them, with the field lengths of edXML and Decree 30/2020 App. VI."""

from datetime import date
from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from services.docs.api.recipients import Recipients, choices
from services.docs.document import Draft, Signer, Urgency, choices_as_json, refuse_state_secret
from services.docs.document_types import DOCUMENT_TYPES
from shared.faults import Json, from_model
from shared.text import SHOWN, Line

_Name = Annotated[Line, Field(min_length=1, max_length=50), SHOWN]
_Office = Annotated[Line, Field(min_length=1, max_length=100), SHOWN]
_Subject = Annotated[Line, Field(min_length=1, max_length=500), SHOWN]

Number = Annotated[Line, Field(min_length=1, max_length=11, pattern=r"^[^\s/]+$")]
Notation = Annotated[Line, Field(min_length=1, max_length=30, pattern=r"^\S+$")]
"""Its own slashes are part of it: `09/2025/QĐ-TTg` has the number 09."""


class SignerBody(BaseModel):
    """Who signs, as printed on the document."""

    name: _Name
    position: _Office
    competence: _Office | None = None


class DraftBody(BaseModel):
    """A document before it is sent."""

    number: Number
    notation: Notation
    type: str
    subject: _Subject
    promulgated_on: date
    urgency: Urgency = Urgency.NORMAL
    due_on: date | None = None
    classification: Annotated[str, Field(pattern="^none$")] = "none"
    signer: SignerBody | None = None
    recipients: Recipients = []

    @field_validator("type")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in DOCUMENT_TYPES:
            expected = ", ".join(DOCUMENT_TYPES)
            raise PydanticCustomError("enum", "Input should be {expected}", {"expected": expected})
        return value

    @model_validator(mode="after")
    def _is_due_later(self) -> "DraftBody":
        if self.due_on is not None and self.due_on < self.promulgated_on:
            raise PydanticCustomError("due_on", "due_on lies before promulgated_on")
        return self


def read_draft(body: Json) -> Draft:
    """Return a draft from parsed JSON. Raises Problem DOC-4221 (state secret), REQ-4221."""
    if isinstance(body, dict):
        refuse_state_secret(body.get("classification"))
    try:
        parsed = DraftBody.model_validate(body)
    except ValidationError as error:
        raise from_model(error, body) from None
    signer = parsed.signer
    return Draft(
        number=parsed.number,
        notation=parsed.notation,
        type=parsed.type,
        subject=parsed.subject.strip(),
        promulgated_on=parsed.promulgated_on,
        urgency=parsed.urgency,
        due_on=parsed.due_on,
        signer=None if signer is None else Signer(signer.name, signer.position, signer.competence),
        recipients=choices(parsed.recipients),
    )


def draft_as_json(draft: Draft) -> dict[str, Any]:
    """Return a draft in the shape that `read_draft` reads."""
    return {**card_as_json(draft), "recipients": choices_as_json(draft.recipients)}


def card_as_json(draft: Draft) -> dict[str, Any]:
    """Return what recipients see of a draft: all but whom else it names."""
    signer = draft.signer
    return {
        "number": draft.number,
        "notation": draft.notation,
        "type": draft.type,
        "subject": draft.subject,
        "promulgated_on": draft.promulgated_on.isoformat(),
        "urgency": draft.urgency.value,
        "due_on": None if draft.due_on is None else draft.due_on.isoformat(),
        "classification": "none",
        "signer": None
        if signer is None
        else {
            "name": signer.name,
            "position": signer.position,
            "competence": signer.competence,
        },
    }


def merged(target: Json, patch: Json) -> Json:
    """Apply a merge patch (RFC 7396): null takes a member out, objects merge, the rest replaces."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Json] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def draft_schema() -> dict[str, Any]:
    """Return the JSON Schema of a draft without references, as it stands inside OpenAPI."""
    schema = DraftBody.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})

    def inlined(node: Any) -> Any:  # noqa: ANN401 (any JSON)
        if isinstance(node, list):
            return [inlined(item) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        members = cast("dict[str, Any]", node)
        if "$ref" in members:
            return inlined(definitions[members["$ref"].rpartition("/")[2]])
        return {name: inlined(value) for name, value in members.items()}

    return inlined(schema)
