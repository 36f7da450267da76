"""Pointers into what was sent, and what is wrong there, in the reader's language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from shared.faults import from_model, pointer

TREE = Path(__file__).resolve().parents[2]
UNNAMED = "Giá trị không hợp lệ."
_RAISED = re.compile(r'PydanticCustomError\(\s*"(\w+)"')


def test_pointers_escape_what_rfc_6901_says():
    assert pointer("a/b", 0, "~c") == "/a~1b/0/~0c"


def kinds() -> Iterator[str]:
    """Yield the kinds of faults that our own validators raise."""
    for folder in ("services", "shared"):
        for path in sorted((TREE / folder).rglob("*.py")):
            yield from _RAISED.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted({*kinds()} - {"enum"}))
def test_each_fault_of_our_own_has_vietnamese_words(kind: str):
    context = dict.fromkeys(("character", "position", "why"), "x")
    raised = PydanticCustomError(kind, "x", context)  # pyright: ignore[reportArgumentType]
    faults: list[InitErrorDetails] = [{"type": raised, "loc": ("a",), "input": 1}]
    error = ValidationError.from_exception_data("body", faults)
    (fault,) = from_model(error, {"a": 1}).faults
    assert fault.detail not in ("", UNNAMED)


class Listing(BaseModel):
    """A body with what becomes a tuple."""

    names: tuple[str, ...]


def test_a_tuple_is_a_list_for_whoever_sends_one():
    with pytest.raises(ValidationError) as caught:
        Listing.model_validate({"names": 1})
    (fault,) = from_model(caught.value, {"names": 1}).faults
    assert (fault.pointer, fault.detail) == ("/names", "Phải là danh sách.")
