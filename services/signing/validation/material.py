"""What a judgement rests on beside the file: the policy, the trust list, revocation data (pure)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Base64Bytes

Purpose = Literal["leader", "seal", "protocol", "timestamp", "authority"]
"""What certificates that an authority issues are trusted for."""
LARGEST = 16 << 20
"""Bytes of the largest piece that is ever fetched: a revocation list."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority of the trust list."""

    name: str
    """Stable and short: `[a-z0-9-]{1,40}`."""
    der: Base64Bytes
    anchor: bool
    """A root: paths end here. Any other must have been issued by a listed authority."""
    trusted_from: datetime
    trusted_until: datetime | None
    """When the trust ends, which may be before the certificate's own end; None: with it."""
    purposes: tuple[Purpose, ...]
    crl: tuple[str, ...] = ()
    """Addresses of its revocation list; nothing else is ever fetched."""
    ocsp: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A revocation list and the authority that it is of."""

    authority: str
    der: Base64Bytes


@dataclass(frozen=True, slots=True)
class Material:
    """All that a judgement needs beside the file and the moment."""

    policy: Base64Bytes
    """The policy's page, byte for byte."""
    authorities: tuple[Authority, ...]
    lists: tuple[Listed, ...]
    answers: tuple[Base64Bytes, ...] = ()
    """OCSP responses."""
    version: int = 0
    """Of the trust list whose authorities these are; 0: of none, as in evidence."""


def digest(content: bytes) -> str:
    """Return the SHA-256 of a piece of material, lower-case hex: its name in evidence."""
    return hashlib.sha256(content).hexdigest()
