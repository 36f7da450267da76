"""Identifiers: distinct types for ids that could be swapped, and UUIDs that sort by time."""

import secrets
import time
from typing import NewType
from uuid import UUID

AgencyId = NewType("AgencyId", UUID)
DocumentId = NewType("DocumentId", UUID)
DispatchId = NewType("DispatchId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
AttachmentId = NewType("AttachmentId", UUID)
SignatureId = NewType("SignatureId", UUID)

_RANDOM_BITS = 74


def uuid7() -> UUID:
    """Return a new UUID version 7 (RFC 9562 5.7): 48 bits of milliseconds, then randomness.

    Ids only sort roughly by time; nothing in the protocol relies on their order.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(_RANDOM_BITS)
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)
    return UUID(int=value)
