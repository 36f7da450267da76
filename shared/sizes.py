"""How much is taken: held by docs and signing, shown by the gateway (`GET /v1/me`)."""

FILES_PER_DOCUMENT = 100
FILE_BYTES = DOCUMENT_BYTES = 1 << 30
"""Of one file, and of all files of one document, as they were announced."""
PDF_BYTES = 512 << 20
"""Of a PDF: its signatures are judged with all of it in half a worker's memory (1 GiB)."""
SIGNATURE_BYTES = 64 << 10
"""Of the detached signature of one file."""

VALIDATED_BYTES = 64 << 20
"""Of a PDF that is only validated; files of documents may be larger."""
VALIDATED_JSON_BYTES = 12 << 20
"""Of the JSON that holds another file, of 8 MiB, and its detached signature, both in base64."""

AT_ONCE = 16
"""So many signatures of one agency may be in the making, and so many of its files validated."""
