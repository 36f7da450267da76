"""Whether an event type kept its promise: what is published stays, optional fields may come."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

_SAYS_NOTHING = {"title", "description", "default", "examples", "$schema", "$id", "x-topics"}
_LOOKED_INTO = {"properties", "required", "items", "$ref", "$defs", "anyOf"}


def broken(old: Schema, new: Schema) -> list[str]:
    """Return what an old reader of new events, or a new reader of old ones, would trip over."""
    return list(_compare(old, new, "", (old, new)))


def _compare(old: Schema, new: Schema, at: str, roots: tuple[Schema, Schema]) -> Iterator[str]:
    old, new = _resolve(old, roots[0]), _resolve(new, roots[1])
    for word in sorted((old.keys() | new.keys()) - _SAYS_NOTHING - _LOOKED_INTO):
        if old.get(word) != new.get(word):
            yield f"{at or '/'}: {word} was {old.get(word)!r} and is {new.get(word)!r}"
    yield from _compare_fields(old, new, at, roots)
    if "items" in old and "items" in new:
        yield from _compare(old["items"], new["items"], f"{at}/*", roots)
    elif "items" in old or "items" in new:
        yield f"{at or '/'}: items are described in one of the two only"
    choices = old.get("anyOf", []), new.get("anyOf", [])
    if len(choices[0]) != len(choices[1]):
        yield f"{at or '/'}: there are other alternatives"
    for one, other in zip(*choices, strict=False):
        yield from _compare(one, other, at, roots)


def _compare_fields(
    old: Schema, new: Schema, at: str, roots: tuple[Schema, Schema]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield f"{at}/{name}: the field is gone"
    for name in sorted(after.keys() - before.keys()):
        if name in needed_after:
            yield f"{at}/{name}: a new field must be optional, old events lack it"
    for name in sorted(before.keys() & after.keys()):
        if (name in needed_before) != (name in needed_after):
            yield f"{at}/{name}: required was {name in needed_before}, is {name in needed_after}"
        yield from _compare(before[name], after[name], f"{at}/{name}", roots)


def _resolve(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    name = str(schema["$ref"]).removeprefix("#/$defs/")
    return root["$defs"][name]
