"""DER put together by hand, so that it can be put together wrongly too (X.690)."""

from collections.abc import Iterable

_SHORT = 128
INTEGER, BITS, OCTETS, NULL, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x05, 0x30, 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return one element of definite, minimal length."""
    body = b"".join(parts)
    if len(body) < _SHORT:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes, sort: bool = True) -> bytes:
    """Return a SET OF; DER wants its elements sorted (X.690 11.6)."""
    return tlv(SET, *(sorted(parts) if sort else parts))


def integer(value: int) -> bytes:
    """Return an INTEGER."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(OCTETS, value)


def bits(value: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return tlv(BITS, b"\x00", value)


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = (int(one) for one in dotted.split("."))
    body = bytearray()
    for number in (first * 40 + second, *rest):
        digits = [number & 0x7F]
        left = number >> 7
        while left:
            digits.append(0x80 | (left & 0x7F))
            left >>= 7
        body += bytes(reversed(digits))
    return tlv(0x06, bytes(body))


def explicit(number: int, *parts: bytes) -> bytes:
    """Return a constructed element of context tag `number`."""
    return tlv(0xA0 | number, *parts)


def elements(body: bytes) -> list[bytes]:
    """Return the elements that stand one after another in `body`."""
    found: list[bytes] = []
    while body:
        size = whole(body)
        found.append(body[:size])
        body = body[size:]
    return found


def whole(content: bytes) -> int:
    """Return how many bytes the first element takes."""
    start, length = _head(content)
    return start + length


def inside(element: bytes) -> bytes:
    """Return the content of an element."""
    start, length = _head(element)
    return element[start : start + length]


def _head(content: bytes) -> tuple[int, int]:
    first = content[1]
    if first < _SHORT:
        return 2, first
    size = first & 0x7F
    return 2 + size, int.from_bytes(content[2 : 2 + size], "big")


def indefinite(element: bytes) -> bytes:
    """Return a constructed element with an indefinite length: BER, not DER (X.690 8.1.3.6)."""
    return element[:1] + b"\x80" + inside(element) + b"\x00\x00"


def wide(element: bytes) -> bytes:
    """Return an element whose length takes one octet more than it needs (X.690 10.1)."""
    body = inside(element)
    size = max(1, (len(body).bit_length() + 7) // 8) + 1
    return element[:1] + bytes((0x80 | size,)) + len(body).to_bytes(size, "big") + body


def joined(parts: Iterable[bytes]) -> bytes:
    """Return parts one after another."""
    return b"".join(parts)
