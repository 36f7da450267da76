"""The hash chain of a mailbox: docs makes it, notify and every recipient can check it."""

import hashlib
from typing import Literal
from uuid import UUID

Lane = Literal["normal", "urgent"]
LANES: tuple[Lane, ...] = ("normal", "urgent")

GENESIS = bytes(32)
"""The previous hash of the first entry of a lane."""

_DOMAIN = b"lienthong/mailbox/1"


def link(*, agency: UUID, lane: Lane, sequence: int, previous: bytes, entry: bytes) -> bytes:
    """Return the hash of the entry with number `sequence` (from 1) in an agency's lane.

    SHA-256 over six fields, each preceded by its length as a 4-byte big-endian integer: the
    domain, the agency's id (16 bytes), the lane, the sequence (8 bytes, big-endian), the hash of
    the entry before it, and the SHA-256 of the entry's bytes (protocol.md 5, Clear).
    """
    fields = (
        _DOMAIN,
        agency.bytes,
        lane.encode(),
        sequence.to_bytes(8, "big"),
        previous,
        hashlib.sha256(entry).digest(),
    )
    digest = hashlib.sha256()
    for field in fields:
        digest.update(len(field).to_bytes(4, "big"))
        digest.update(field)
    return digest.digest()
