"""What signature fields draw: forms with a place and a box, so that every reader clips them alike.

Runs in a worker process only.
"""
# pyHanko is typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NumberObject,
    StreamObject,
)

from services.signing.validation.objects import value
from services.signing.validation.security_store import Updated

_STATES = frozenset({"/N", "/R", "/D"})
_BOX, _MATRIX = 4, 6
_SMALLEST, _LARGEST = 1e-3, 1e6
"""Of a box's sides, in its own units, and of what a matrix makes of an area."""


def check_appearances(widget: Any, area: float) -> None:  # noqa: ANN401
    """Check what a field draws on so many square centimetres. Raises Updated.

    A reader that finds no box, or no place, draws as it likes, on the whole page (ISO 32000-2
    8.10.2, 12.5.5). What draws nothing may have neither.
    """
    for look in appearances(widget):
        if is_blank(look):
            continue
        if not area > 0 or value(look, "/Subtype") != "/Form":
            raise Updated("a signature that is drawn without a place")
        box, matrix = look.get("/BBox"), look.get("/Matrix", _UNCHANGED)
        if not (_is_box(box) and _is_matrix(matrix)):
            raise Updated("a signature that is drawn without a box")


def appearances(widget: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield what a field draws in each of its states. Raises Updated."""
    shown: Any = value(widget, "/AP", {})
    if not isinstance(shown, dict) or not {str(key) for key in shown} <= _STATES:
        raise Updated("a signature field whose appearance is none")
    for key in shown:
        look: Any = shown[key]
        if isinstance(look, StreamObject):
            yield look
            continue
        if not isinstance(look, DictionaryObject):
            raise Updated("a signature field whose appearance is none")
        for state in look:
            if not isinstance(look[state], StreamObject):
                raise Updated("a signature field whose appearance is none")
            yield look[state]


def is_blank(look: Any) -> bool:  # noqa: ANN401
    """Say whether an appearance draws nothing: comments, states saved and restored.

    What is no form is not read, nor what is not packed plainly: readers may draw anything there.
    """
    plain = value(look, "/Filter", "/FlateDecode") == "/FlateDecode" and "/DecodeParms" not in look
    if not plain or value(look, "/Subtype", "/Form") != "/Form":
        return False
    drawn = bytes(look.read_data(DecodePurpose.GENERIC))
    words = [word for line in drawn.splitlines() for word in line.partition(b"%")[0].split()]
    return set(words) <= {b"q", b"Q"}


_UNCHANGED = ArrayObject(NumberObject(one) for one in (1, 0, 0, 1, 0, 0))


def _numbers(one: Any, count: int) -> list[float] | None:  # noqa: ANN401
    """Return so many plain numbers; None: it is something else."""
    if not isinstance(one, ArrayObject) or len(one) != count:
        return None
    inside = [*list.__iter__(one)]
    if not all(isinstance(each, NumberObject | FloatObject) for each in inside):
        return None
    return [float(each) for each in inside]


def _is_box(one: Any) -> bool:  # noqa: ANN401
    if (sides := _numbers(one, _BOX)) is None:
        return False
    left, low, right, high = sides  # in either order: pyHanko writes the upper one first
    return all(_SMALLEST <= abs(side) <= _LARGEST for side in (right - left, high - low))


def _is_matrix(one: Any) -> bool:  # noqa: ANN401
    if (numbers := _numbers(one, _MATRIX)) is None:
        return False
    a, b, c, d, *_ = numbers
    return _SMALLEST <= abs(a * d - b * c) <= _LARGEST
