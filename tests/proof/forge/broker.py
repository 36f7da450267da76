"""Tokens at Kafka's OAUTHBEARER listener, by its own protocol: the broker's word on each."""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tests.proof.forge.claims import claims
from tests.proof.forge.edges import edges
from tests.proof.forge.receipts import RECEIPT
from tests.proof.forge.shapes import Material, shapes

METADATA, HANDSHAKE, AUTHENTICATE = 3, 17, 36
_SECONDS = 10.0


class NoAnswer(Exception):  # noqa: N818 (a control that must be good was refused)
    """The broker refuses a good token."""


# The broker looks at key, signature, issuer, audience, end and user; nothing but the gateway's own
# key makes what follows, which says something else wrong. It comes in as the user it names.
_NOT_LOOKED_AT = (
    "typ: ",
    "client_id: ",
    "scope: ",
    "agencies: ",
    "cnf: ",
    "sub: ",
    "client_version",
)
_NOR_AT = frozenset(
    {
        "cty JWT",
        "zip",
        "no kid",
        "no sub",
        "no client_id",
        "crit empty",
        "header: not UTF-8",
        "padded signature",
        "the same signature, loosely encoded",
        "the same bytes in the standard alphabet",
        "crit: the same twice",
        "exp: a float",
        "exp: an hour",
        "exp: ten years",
        "iat: tomorrow",
        "iat: a float",
    }
)


def tried(address: str, material: Material, foreign: Mapping[str, str]) -> dict[str, bool]:
    """Return of each forgery whether the broker lets it in. Raises NoAnswer for the control."""
    if not admitted(address, material.good):
        raise NoAnswer(f"{address} refuses a good token")
    named = {**dict(shapes(material)), **dict(edges(material)), **dict(claims(material))}
    named[RECEIPT] = foreign[RECEIPT]
    outcome = {name: admitted(address, token) for name, token in named.items() if _looked_at(name)}
    for name, token in foreign.items():
        # A client that was revoked comes in until its token ends, and finds that it has no rights.
        if name not in {"a client's token for the API", RECEIPT}:
            outcome[name] = bool(topics(address, token))
    if not admitted(address, material.good):
        raise NoAnswer(f"{address} refuses a good token after the bad ones")
    return outcome


def _looked_at(name: str) -> bool:
    return name not in _NOR_AT and not name.startswith(_NOT_LOOKED_AT)


def topics(address: str, token: str) -> set[str]:
    """Return which topics the bearer of a token sees; none if it is not let in."""
    with _connected(address) as connection:
        if not _let_in(connection, token):
            return set()
        # Metadata, version 1: no list of topics means all of them.
        said = _call(connection, METADATA, 1, struct.pack(">i", -1))
    reader = Reader(said)
    for _ in range(reader.number(">i")):  # brokers: id, host, port, rack
        reader.number(">i")
        reader.text()
        reader.number(">i")
        reader.text()
    reader.number(">i")  # controller
    found: set[str] = set()
    for _ in range(reader.number(">i")):
        reader.number(">h")
        found.add(reader.text())
        reader.number(">b")
        for _ in range(reader.number(">i")):
            reader.number(">h")
            reader.number(">i")
            reader.number(">i")
            for _ in range(reader.number(">i")):
                reader.number(">i")
            for _ in range(reader.number(">i")):
                reader.number(">i")
    return found


@dataclass(slots=True)
class Reader:
    """Reads an answer from its beginning."""

    content: bytes
    at: int = 0

    def number(self, form: str) -> int:
        """Return a number of a form of `struct`."""
        value: int = struct.unpack_from(form, self.content, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def text(self) -> str:
        """Return a string; a missing one is empty."""
        length = self.number(">h")
        start, self.at = self.at, self.at + max(length, 0)
        return self.content[start : self.at].decode()


def _connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=_SECONDS)


def admitted(address: str, token: str) -> bool:
    """Say whether the listener takes a token."""
    with _connected(address) as connection:
        return _let_in(connection, token)


def _let_in(connection: socket.socket, token: str) -> bool:
    """Authenticate (RFC 7628 3.1, KIP-152)."""
    _call(connection, HANDSHAKE, 1, _string("OAUTHBEARER"))
    first = b"n,,\x01auth=Bearer " + token.encode() + b"\x01\x01"
    try:
        said = Reader(_call(connection, AUTHENTICATE, 0, struct.pack(">i", len(first)) + first))
    except ConnectionError:
        return False
    error = said.number(">h")
    said.text()
    # A refusal is a challenge (a status in JSON) that the client has to answer; success is silent.
    return error == 0 and said.number(">i") <= 0


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


def _call(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Send one request and return its answer's body. Raises ConnectionError."""
    head = struct.pack(">hhi", key, version, 1) + _string("forge")
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    size = struct.unpack(">i", _exactly(connection, 4))[0]
    return _exactly(connection, size)[4:]


def _exactly(connection: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        part = connection.recv(count - len(read))
        if not part:
            raise ConnectionError("the broker closed the connection")
        read += part
    return read
