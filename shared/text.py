"""What may stand in a line that people read (nothing invisible), and in PostgreSQL. No I/O."""

import unicodedata
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_FORBIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
"""Control characters; invisible ones, which also turn the direction of text (U+202E) or make two
different numbers look alike; private use; line and paragraph separators."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A character that may not be there."""

    character: str
    """Such as `U+202E`."""
    position: int
    """Counted from 1."""

    @property
    def vi(self) -> str:
        """Return what is wrong, in Vietnamese."""
        return f"Ký tự {self.character} ở vị trí {self.position} không được phép."

    @property
    def en(self) -> str:
        """Return what is wrong, in English."""
        return f"The character {self.character} at position {self.position} is not allowed."


def forbidden(line: str) -> Forbidden | None:
    """Return the first character that may not stand in a line; None when all may."""
    for position, char in enumerate(line, 1):
        if unicodedata.category(char) in _FORBIDDEN:
            return Forbidden(f"U+{ord(char):04X}", position)
    return None


def storable(text: str) -> str:
    """Return foreign text as PostgreSQL can hold it: without NUL and halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def visible(value: str) -> str:
    """Return text that people read as it is, for a model's field. Raises PydanticCustomError."""
    found = forbidden(value)
    if found is not None:
        context = {"character": found.character, "position": found.position}
        en = "The character {character} at position {position} is not allowed"
        raise PydanticCustomError("forbidden_character", en, context)
    return value


def _line(value: str) -> str:
    if not visible(value).strip():
        raise PydanticCustomError("blank", "May not be blank")
    return value


_PATTERN = r"^[^\p{C}\p{Zl}\p{Zp}]*[^\p{C}\p{Z}][^\p{C}\p{Zl}\p{Zp}]*$"
SHOWN = Field(json_schema_extra={"pattern": _PATTERN})
"""`Line` as a schema says it; the validator says which character is wrong."""

Line = Annotated[str, AfterValidator(_line)]
"""One line that is not blank."""
