"""What strict JSON refuses is found by few steps over the whole, and is just what it was."""

import json
import time
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Problem
from shared.faults import Json
from shared.intake import strict_json

BOUNDS = (1 << 63, 1 << 64, 10**18, 10**19, 10**20)
NEAR = [sign * bound + by for bound in BOUNDS for sign in (1, -1) for by in range(-2, 3)]
TEXTS = st.text(alphabet='\\"u0019\0,:[]{}.e+-é')
LEAVES: st.SearchStrategy[object] = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(NEAR),
    TEXTS,
    st.booleans(),
    st.none(),
)


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner))


VALUES = st.recursive(LEAVES, nested, max_leaves=20)


def parts(value: Json) -> list[Json]:
    inner: list[Json] = []
    if isinstance(value, dict):
        inner = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    return [value, *(part for one in inner for part in parts(one))]


def bad(value: Json) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, int) and not -(1 << 63) <= value < 1 << 64


@given(VALUES)
def test_it_refuses_nul_and_long_integers_wherever_they_stand_and_nothing_else(value: Json):
    raw = json.dumps(value).encode()
    if any(map(bad, parts(value))):
        with pytest.raises(Problem):
            strict_json(raw)
    else:
        strict_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"0.12345678901234567890123",
        b"12345678901234567890123.5",
        b"-12345678901234567890123e-9",
        b"1e-1234567890123456789",
        b'"\\\\12345678901234567890123"',
        b'"\\"12345678901234567890123"',
        b'{"12345678901234567890123": 18446744073709551615}',
        b'"\\\\u0000"',
    ],
)
def test_what_only_looks_so_is_taken(raw: bytes):
    strict_json(raw)


def seconds(read: Callable[[bytes], object], raw: bytes) -> float:
    took: list[float] = []
    for _ in range(5):
        began = time.process_time()
        read(raw)
        took.append(time.process_time() - began)
    return min(took)


def test_a_text_that_looks_bad_does_not_make_it_look_at_each_value():
    raw = b'["\\\\u0000","1234567890123456789"' + b",0" * 500_000 + b"]"
    assert seconds(strict_json, raw) < 8 * seconds(orjson.loads, raw)
