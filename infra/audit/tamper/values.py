"""Another value of the same type: what a hand, a program or a bad disk could make of one."""

import datetime as dt
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast
from uuid import UUID

Value: TypeAlias = Any  # of a column: whatever PostgreSQL gives
_HEX = "0123456789abcdef"
_STEPS = (
    dt.timedelta(microseconds=1),
    dt.timedelta(seconds=1),
    dt.timedelta(hours=7),
    dt.timedelta(days=1),
)


def another(value: Value, others: Sequence[Value], rng: random.Random) -> Value:
    """Return a value that differs from `value`: one of another row, or one made of it."""
    different = [one for one in others if one != value and one is not None]
    if value is None or (different and rng.random() < 0.4):  # noqa: PLR2004
        return rng.choice(different) if different else None
    return _made(value, rng)


def _made(value: Value, rng: random.Random) -> Value:  # noqa: PLR0911, C901 (a line for each type)
    match value:
        case bool():
            return not value
        case int() | Decimal():
            return value + rng.choice((-1, 1, 1, 1000))
        case UUID():
            return UUID(int=rng.getrandbits(128), version=4)
        case bytes():
            return _bytes(value, rng)
        case dt.datetime():
            return value + rng.choice((-1, 1)) * rng.choice(_STEPS)
        case dt.date():
            return value + rng.choice((-1, 1)) * dt.timedelta(days=1)
        case list():
            return _list(cast("list[Value]", value), rng)
        case dict():
            members = cast("dict[str, Value]", value)
            name = rng.choice(sorted(members))
            return {**members, name: another(members[name], ["x", 1], rng)}
        case _:
            return _text(str(value), rng)


def _bytes(value: bytes, rng: random.Random) -> bytes:
    if not value:
        return b"\0"
    if rng.random() < 0.2:  # noqa: PLR2004
        return value[:-1]
    place = rng.randrange(len(value))
    return value[:place] + bytes([value[place] ^ (1 << rng.randrange(8))]) + value[place + 1 :]


def _list(value: list[Value], rng: random.Random) -> list[Value]:
    if not value:
        return [UUID(int=rng.getrandbits(128), version=4)]
    place = rng.randrange(len(value))
    if rng.random() < 0.3:  # noqa: PLR2004
        return value[:place] + value[place + 1 :]
    return [*value[:place], _made(value[place], rng), *value[place + 1 :]]


def _text(value: str, rng: random.Random) -> str:
    if not value:
        return "x"
    place = rng.randrange(len(value))
    new = rng.choice(_HEX if set(value) <= set(_HEX) else "abcxyzđô0123456789")
    while new == value[place]:
        new = rng.choice(_HEX)
    return value[:place] + new + value[place + 1 :]


def shown(value: Value) -> str:
    """Return a value for a person: short."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004
