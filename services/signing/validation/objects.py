"""Looks into PDF objects: values wherever they stand, and whether they refer to others.

Runs in a worker process only.
"""

from collections.abc import Iterable
from typing import Any, cast

from pyhanko.pdf_utils.generic import IndirectObject


def value(holder: Any, key: str, otherwise: Any = None) -> Any:  # noqa: ANN401 (any PDF object)
    """Return what a dictionary has under a key, there or elsewhere in the file."""
    if key not in holder:
        return otherwise
    return holder[key]  # `get` would return the reference


def refers(to: Any) -> bool:  # noqa: ANN401
    """Say whether something holds a reference to another object."""
    if isinstance(to, IndirectObject):
        return True
    inside: Iterable[Any] = ()
    if isinstance(to, dict):
        inside = dict[Any, Any].values(cast("dict[Any, Any]", to))
    elif isinstance(to, list):
        inside = list[Any].__iter__(cast("list[Any]", to))
    return any(refers(one) for one in inside)
