"""Multipart forms that are wrong in one place: boundaries, ends, heads, names, too many parts."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.proof.fuzz.odd_json import TEXTS
from tests.proof.fuzz.odd_texts import FILE_NAMES

BOUNDARY = b"----exchange"
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@dataclass(frozen=True, slots=True)
class Form:
    """A body and its Content-Type."""

    name: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One part, as bytes."""

    name: bytes
    content: bytes
    head: bytes = b""
    """Further header lines, each with its end."""
    file: bytes | None = None


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def whole(parts: list[Part], boundary: bytes = BOUNDARY) -> bytes:
    """Return a well-made form."""
    pieces: list[bytes] = []
    for part in parts:
        file = b"" if part.file is None else b'; filename="' + part.file + b'"'
        named = b'\r\nContent-Disposition: form-data; name="' + part.name + b'"'
        pieces += [b"--", boundary, named, file, b"\r\n", part.head, b"\r\n", part.content, b"\r\n"]
    return b"".join([*pieces, b"--", boundary, b"--\r\n"])


def good(draft: dict[str, Any]) -> list[Part]:
    """Return the parts of a form that is as it should be, but for the content of its file."""
    document = Part(b"document", json.dumps(draft).encode(), b"Content-Type: application/json\r\n")
    return [document, Part(b"main", PDF, b"Content-Type: application/pdf\r\n", b"a.pdf")]


def _kind(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"


_CHARSETS = (
    "UTF-8''",
    "utf-8'vi'",
    "ISO-8859-1''",
    "UTF-16''",
    "''",
    "x",
    "UTF-8''%",
    "UTF-8''%zz",
    "UTF-8''%ff%fe",
)
_BOUNDARIES = (
    "",
    '""',
    "x",
    "a" * 70,
    "a" * 71,
    "a" * 5_000,
    "----exchange ",
    '"----exchange"',
    "----exchange; boundary=b",
    "é",
    "a b",
    "\\",
    '"a',
    ",",
    "----exchange--",
)
_TYPES = (
    "multipart/form-data",
    "multipart/mixed; boundary=----exchange",
    "multipart/form-data; charset=utf-16; boundary=----exchange",
    "MULTIPART/FORM-DATA; BOUNDARY=----exchange",
    "multipart/form-data;boundary*=UTF-8''----exchange",
    "multipart/form-data; boundary*0=----ex; boundary*1=change",
)
_SWAPS = (
    (b"\r\n", b"\n"),
    (b"\r\n", b"\r"),
    (b"form-data", b"attachment"),
    (b"form-data; ", b""),
    (b'name="', b"name="),
    (b": ", b":"),
    (b"Content-Disposition", b"content-disposition"),
    (b"name=", b"nam="),
    (b"--\r\n", b"\r\n"),
    (b"--\r\n", b"-- \r\n"),
    (b"Content-Disposition: ", b"Content-Disposition:: "),
    (b"Content-Disposition: ", b" Content-Disposition: "),
    (b"\r\n\r\n", b"\r\n"),
)


def forms(draft: dict[str, Any]) -> Iterator[Form]:
    """Yield all that we have made up; the same ones each time."""
    parts, kind = good(draft), _kind(BOUNDARY.decode())
    body = whole(parts)
    yield from (
        Form(
            f"names a file {name!r}"[:60],
            kind,
            whole([parts[0], replace(parts[1], file=_encoded(name))]),
        )
        for name in FILE_NAMES
    )
    for charset in _CHARSETS:
        head = b'a.pdf"; filename*=' + charset.encode() + b'%2e%2e%2fa.pdf; x="'
        yield Form(f"filename* {charset}", kind, whole([parts[0], replace(parts[1], file=head)]))
    yield from (
        Form("a document of odd JSON", kind, whole([replace(parts[0], content=text), parts[1]]))
        for text in TEXTS
        if len(text) < 50_000
    )
    for boundary in _BOUNDARIES:
        yield Form(f"boundary {boundary[:20]!r}", _kind(boundary), body)
    for other in _TYPES:
        yield Form(other, other, body)
    yield from (
        Form(f"ends after {size} bytes", kind, body[:size]) for size in range(0, len(body), 7)
    )
    yield from (Form(f"{old!r} for {new!r}", kind, body.replace(old, new)) for old, new in _SWAPS)
    yield from _floods(parts, kind)


_PART_NAMES = (
    b"file",
    b"",
    b"main\x00",
    b"document[]",
    b"../main",
    b"\xff",
    b'main"; name="annex',
    b"MAIN",
)
_BEGINNINGS = (
    b"",
    b"%PDF",
    b"%PDF-1.7",
    b"PK\x03\x04",
    b"\x7fELF",
    b"MZ",
    b"<html>",
    b"%PDF-9.9\n",
    b" %PDF-1.7",
    b"%!PS",
    b"\x00" * 9,
    b"GIF89a",
)


def _floods(parts: list[Part], kind: str) -> Iterator[Form]:
    document, main = parts
    body = whole(parts)
    yield Form("1 MB of preamble", kind, b"x" * 1_000_000 + b"\r\n" + body)
    yield Form("1 MB of epilogue", kind, body + b"x" * 1_000_000)
    yield Form("empty lines before", kind, b"\r\n" * 50_000 + body)
    for size in (4_000, 8_200, 70_000, 1_000_000):
        yield Form(
            f"a part's header of {size} bytes",
            kind,
            whole([replace(document, head=b"X-A: " + b"x" * size + b"\r\n"), main]),
        )
        yield Form(
            f"a part's name of {size} bytes",
            kind,
            whole([replace(document, name=b"n" * size), main]),
        )
        yield Form(
            f"a file's name of {size} bytes",
            kind,
            whole([document, replace(main, file=b"n" * size + b".pdf")]),
        )
        yield Form(
            f"a field's name of {size} bytes",
            kind,
            whole([replace(document, head=b"n" * size + b": x\r\n"), main]),
        )
    yield from _crowds(document, main, kind)
    yield Form("nothing", kind, b"")
    yield Form("only an end", kind, b"--" + BOUNDARY + b"--\r\n")


def _crowds(document: Part, main: Part, kind: str) -> Iterator[Form]:
    yield Form(
        "20,000 headers of a part",
        kind,
        whole([replace(document, head=b"X-A: b\r\n" * 20_000), main]),
    )
    for count in (2, 21, 300, 20_000):
        yield Form(f"{count} parts document", kind, whole([document] * min(count, 300) + [main]))
        yield Form(
            f"{count} annexes",
            kind,
            whole([document, main, *[replace(main, name=b"annex")] * count]),
        )
        yield Form(f"{count} empty parts", kind, whole([Part(b"annex", b"", b"", b"")] * count))
        yield Form(f"{count} parts of no name", kind, whole([Part(b"", b"")] * count))
    yield from _disguises(document, main, kind)


def _disguises(document: Part, main: Part, kind: str) -> Iterator[Form]:
    for name in _PART_NAMES:
        yield Form(f"a part {name!r}", kind, whole([document, replace(main, name=name)]))
    for content in _BEGINNINGS:
        yield Form(
            f"a file that begins {content!r}",
            kind,
            whole([document, replace(main, content=content)]),
        )
    for coding in (b"base64", b"quoted-printable", b"8bit", b"x-gzip", b"binary", b""):
        head = b"Content-Transfer-Encoding: " + coding + b"\r\nContent-Type: application/pdf\r\n"
        yield Form(
            f"coded {coding!r}",
            kind,
            whole([replace(document, head=head), replace(main, head=head)]),
        )
    inner = b'Content-Type: multipart/mixed; boundary="i"\r\n'
    yield Form(
        "a form in a form",
        kind,
        whole([document, replace(main, head=inner, content=b"--i\r\n\r\nx\r\n--i--")]),
    )
    yield Form(
        "9 MB of a file", kind, whole([document, replace(main, content=PDF + b"x" * 9_000_000)])
    )


def shaken(draft: dict[str, Any], dice: random.Random) -> Form:
    """Return a good form with some bytes changed, moved or left out."""
    body = bytearray(whole(good(draft)))
    for _ in range(dice.randrange(1, 4)):
        at, size = dice.randrange(len(body)), dice.randrange(1, 30)
        way = dice.randrange(4)
        if way == 0:
            body[at] = dice.randrange(256)
        elif way == 1:
            del body[at : at + size]
        elif way == 2:
            body[at:at] = body[at : at + size]
        else:
            body[at:at] = dice.choice(
                (b"\r\n", b"\x00", b"--", BOUNDARY, b'"', b";", b"\r\n--" + BOUNDARY)
            )
    return Form("shaken", _kind(BOUNDARY.decode()), bytes(body))
