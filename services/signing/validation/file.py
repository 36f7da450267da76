"""Validates a file by the signature beside it, or by those in it."""

from datetime import datetime

from services.signing.finding import Finding
from services.signing.validation.cades import validate_detached
from services.signing.validation.pades import validate_pdf
from services.signing.validation.trust import Trust


def validate(content: bytes, signature: bytes | None, trust: Trust, at: datetime) -> Finding:
    """Return what a file's detached signature is worth at a moment; None: it is a PDF with its own.

    Raises whatever the libraries raise for hostile bytes.
    """
    if signature is None:
        return validate_pdf(content, trust, at)
    return validate_detached(content, signature, trust, at)
