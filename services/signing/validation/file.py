"""Validates a file by the signature beside it, or by those in it."""

from datetime import datetime

from services.signing.finding import Finding
from services.signing.validation.cades import describe_detached
from services.signing.validation.describe import Described
from services.signing.validation.given import Given, Held
from services.signing.validation.pades import describe_pdf
from services.signing.validation.trust import Trust


def validate(content: bytes, signature: bytes | None, trust: Trust, at: datetime) -> Finding:
    """Return what a file's detached signature is worth at a moment; None: it is a PDF with its own.

    Raises whatever the libraries raise for hostile bytes.
    """
    return describe(Held(content), signature, trust, at).finding


def describe(file: Given, signature: bytes | None, trust: Trust, at: datetime) -> Described:
    """Return that, and what is told beside it. Raises as `validate` does, or as reading `file`."""
    if signature is None:
        return describe_pdf(file, trust, at)
    return describe_detached(file, signature, trust, at)
