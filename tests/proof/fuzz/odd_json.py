"""JSON that parsers stumble over: whole texts of our own making, and values for good bodies."""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, cast

Json = Any

DEEP = 100_000
_MARK = "☃here☃"
_QUOTED_MARK = json.dumps(_MARK).encode()


_NUMBERS = b"""
-0 0e0 -0.0 1E400 -1e400 1e-400 1e+9999999999 0x10 01 -01 1. .5 +1 1e 1e+ - -- NaN -Infinity
Infinity 1_000 1,5 0b1 123456789012345678901234567890 0.1e1 1e5 1E+2 -9223372036854775809 1eE2 2.e3
18446744073709551616 4.9e-324 1.7976931348623159e308 \xef\xbc\x91 -foo 0e 1a
"""
_ESCAPES = rb"""
\u0000 \ud800 \udc00 \ud800\ud800 \udc00\ud800 \ud83d\ude00 \uD834\uDd1e \x41 \u12 \ue000
\u{41} \a \' \ \/ \uffff \ufdd0 \u202e \u2028 \ufeff \u00e9 e\u0301 \u001f \u007f
"""


_BYTES = (
    b"\t",
    b"\n",
    b"\r",
    b"\x1f",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x98\x80",
)
_NO_TEXT = (
    b"",
    b" ",
    b"\n",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\xff",
    b"\xc0\xaf",
)
_SMALLEST = (
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b'"\xed\xa0\x80"',
    b"\xe2\x80\xa8{}",
)
_NEARLY_JSON = (
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[1]]",
    b"[1",
    b"]",
    b"[",
    b"{",
    b"}",
    b"{]",
    b"[}",
    b'{"a"}',
    b'{"a":}',
    b'{"a":1,}',
    b"{,}",
    b"{a:1}",
    b"{'a':1}",
    b'{"a":1 "b":2}',
    b'{"a":1}}',
    b'{"a"::1}',
    b'{"a":1}{"b":2}',
    b'{"a":1}#',
    b'{"a":1}//x',
    b"/**/{}",
    b"{}\x00",
    b"{} {}",
    b"[1]\xff",
    b'{"a":1,"a":2}',
    b'{"a":{"b":1},"a":[]}',
    b'{"":0}',
    b'{"":{"":{"":0}}}',
    b'{"a\\u0000b":1}',
    b'{"__proto__":{}}',
    b'{"constructor":1}',
    b'{"$ref":"#"}',
    b'{"__class__":"x"}',
    b"tru",
    b"nul",
    b"TRUE",
    b"undefined",
    b"[undefined]",
    b"'a'",
    b"`a`",
    b"\\u007b\\u007d",
    b"<json/>",
    b"@{}",
    b"\x1b",
)


def _texts() -> Iterator[bytes]:
    """Yield texts as suites for JSON parsers have them: good, bad, and left to the reader."""
    yield from _NO_TEXT
    yield from _SMALLEST
    for number in _NUMBERS.split():
        yield from (number, b"[" + number + b"]", b'{"a":' + number + b"}")
    yield b"9" * 100_000
    yield b"0." + b"1" * 100_000
    yield b"1e" + b"9" * 10_000
    for escape in _ESCAPES.split():
        yield from (b'"' + escape + b'"', b'{"' + escape + b'":1}', b'["' + escape + b'"]')
    for raw in _BYTES:
        yield from (b'"' + raw + b'"', b'{"' + raw + b'":1}')
    yield from _NEARLY_JSON
    yield from (b"[" * DEEP, b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b'[{"a":' * (DEEP // 2))
    yield b'{"a":' * 5_000 + b"0" + b"}" * 5_000
    yield from (
        b"[" * levels + b"]" * levels for levels in (99, 100, 101, 499, 512, 513, 1023, 1025, 2_000)
    )
    yield b"[" + b"0," * DEEP + b"0]"
    yield b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}"
    yield b'{"a":"' + b"x" * 900_000 + b'"}'
    yield b'{"a":"' + b"x" * 1_100_000 + b'"}'
    yield b'{"' + b"k" * 300_000 + b'":1}'
    yield b" " * 500_000 + b"{}"
    yield b'"' + b"\\" * 400_000 + b'"'
    yield b'{"a":"' + "\u202e\u0001".encode() * 1000 + b'"}'


TEXTS = tuple(dict.fromkeys(_texts()))

_VALUES = rb"""
null true false 0 -1 -0 1.5 1e400 -1e400 1e-400 "" [] {} [[]] [null] [{}] {"a":1} 2147483648
"\u0000" "\ud800" "\udfff" "a\u0000b" "\u202e" "\ufeff" "\ud83d\ude00" "e\u0301" "\u2028"
9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775809 18446744073709551615
"2026-02-30" "0000-00-00" "9999-12-31" "10000-01-01" "-0001-01-01" "2026-11-26T25:61:61Z" "P1Y"
"PT-5M" "PT99999999999999999999S" "PT1E5S" "P" "PT" "1" "00:00:05" "-P1D" "PT0.0000001S" "0"
"../../etc/passwd" "file:///etc/passwd" "http://127.0.0.1/" "javascript:alert(1)" "%00" "%s%n"
"G22" "g22" "G22\n" "H14.01.01" "sys-g22" "MAIN" "main" "urgent" "kafka" "operator" "*" "{{7*7}}"
"'--" "<script>" {"agency":"G22","agency":"H14"} {"select":{"level":"commune","under":"H14"}}
"""

SNIPPETS = (
    *_VALUES.split(),
    b'"\xc4\x91\xc3\xa2y"',
    b"9" * 400,
    b'"' + b"9" * 5_000 + b'"',
    b'"' + b"A" * 70_000 + b'"',
    b'"' + "\u0301".encode() * 3_000 + b'"',
    b'"' + "\U0001f600".encode() * 300 + b'"',
    b"[" * 99 + b"]" * 99,
    b"[" * 600 + b"]" * 600,
    b"[" + b'"G22",' * 6_000 + b'"G22"]',
    b"[" + b"{}," * 6_000 + b"{}]",
    b"1" + b"0" * 4_400,
    b"-" + b"1" * 4_400,
    b"0." + b"3" * 9_000,
)
"""Values as raw JSON, put in the place of any value of a good body."""


def changed(body: Mapping[str, Json], dice: random.Random) -> bytes:
    """Return a good body with something odd about it: a value, a member, a byte."""
    way = dice.random()
    if way < 0.7:
        tree = json.loads(json.dumps(body))
        _put(tree, _MARK, dice)
        return json.dumps(tree).encode().replace(_QUOTED_MARK, dice.choice(SNIPPETS))
    text = bytearray(json.dumps(body).encode())
    if way < 0.8 and body:
        name = dice.choice(list(body))
        return (
            b"{" + json.dumps(name).encode() + b":" + dice.choice(SNIPPETS) + b"," + bytes(text[1:])
        )
    at = dice.randrange(len(text) + 1)
    if way < 0.9:
        text[at:at] = dice.randbytes(1)
    else:  # some less
        del text[at : at + dice.randrange(1, 4)]
    return bytes(text)


def _put(tree: Json, value: Json, dice: random.Random) -> None:
    """Put a value in the place of one that is there, or add it as a member."""
    node: Json = tree
    while True:
        keys: list[Json] = list(node) if _is_object(node) else list(range(len(node)))
        if not keys or dice.random() < 0.1:
            _add(node, value)
            return
        key = dice.choice(keys)
        inner: Json = node[key]
        if not isinstance(inner, dict | list) or dice.random() < 0.3:
            node[key] = value
            return
        node = cast("Json", inner)


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)


def _add(node: Json, value: Json) -> None:
    if _is_object(node):
        node["more"] = value
    else:
        node.append(value)
