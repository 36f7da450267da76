"""How much one document may hold: held by docs, shown by the gateway (`GET /v1/me`)."""

FILES_PER_DOCUMENT = 100
FILE_BYTES = 1 << 30
"""Of one file."""
DOCUMENT_BYTES = 1 << 30
"""Of all files of one document, as they were announced."""
SIGNATURE_BYTES = 64 << 10
"""Of the detached signature of one file."""
