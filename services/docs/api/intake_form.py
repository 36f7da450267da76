"""The one-call form of a document: its parts, files stored while they stream in."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from fastapi import Request

from services.docs.accept import Arrived
from services.docs.api.drafts import read_draft
from services.docs.api.forms import Part, bad_form, parts_of
from services.docs.attachment import (
    check_name,
    check_sealed,
    check_signature,
    check_twins,
    kind_of_name,
    only,
)
from services.docs.document import Announcement, Draft, Role
from services.docs.kinds import PDF
from shared.blobs import Stage
from shared.errors import Problem
from shared.idempotency import digest_of
from shared.intake import strict_json
from shared.sizes import FILES_PER_DOCUMENT, SIGNATURE_BYTES

MOST_BYTES = 8 << 20
"""All files of one form together."""
_MOST_JSON = 1 << 20
_ROLES: dict[str, Role] = {"main": "MAIN", "annex": "ANNEX"}


@dataclass(frozen=True, slots=True)
class Form:
    """A whole document as one form brought it."""

    draft: Draft
    files: tuple[Arrived, ...]
    digest: bytes
    """Of the parsed JSON and of each part's name and SHA-256; boundaries differ from try to try."""


@dataclass(slots=True)
class _Read:
    draft: Draft | None = None
    json_digest: bytes = b""
    files: list[Arrived] = field(default_factory=list[Arrived])
    room: int = MOST_BYTES


async def read_form(request: Request, stage: Stage) -> Form:
    """Read a form: one part `document`, one part `main`, any number of parts `annex`.

    A part `signature` is the detached seal of the annex before it. Raises Problem DOC-4225 for
    other parts, what `read_draft` raises, and what is wrong with a file: DOC-4151, DOC-4223,
    DOC-4224, REQ-4131, REQ-4221. The files are kept by who keeps the form.
    """
    read = _Read()
    async with aclosing(parts_of(request)) as parts:
        async for part in parts:
            if part.name == "document" and read.draft is None:
                raw = await _whole(part, most=_MOST_JSON)
                value = strict_json(raw)
                read.draft, read.json_digest = read_draft(value), digest_of(value)
            elif part.name in _ROLES:
                read.files.append(await _store(part, stage, read))
            elif part.name == "signature" and read.files:
                read.files[-1] = await _seal(part, stage, read.files[-1])
            else:
                raise bad_form(f"Thừa phần {part.name!r}.", f"Unexpected part {part.name!r}.")
    if read.draft is None:
        raise bad_form("Thiếu phần document.", "The part document is missing.")
    if [file.announced.role for file in read.files].count("MAIN") != 1:
        raise bad_form("Cần đúng một phần main.", "Exactly one part main is needed.")
    for place, file in enumerate(read.files):
        check_sealed(file.announced, pointer=f"/{file.announced.role.lower()}")
        held = [one.announced for one in read.files[:place]]
        check_twins(held, file.announced)
    return Form(read.draft, tuple(read.files), _digest(read))


async def _store(part: Part, stage: Stage, read: _Read) -> Arrived:
    pointer = f"/{part.name}"
    if len(read.files) >= FILES_PER_DOCUMENT:
        raise Problem("DOC-4094", most=FILES_PER_DOCUMENT)
    name = part.file_name or ""
    role = _ROLES[part.name]
    # By name alone: libraries say application/octet-stream, or what their machine believes.
    kind = PDF if role == "MAIN" else kind_of_name(name, pointer=pointer)
    check_name(name, kind, pointer=pointer)
    blob = await stage.write(only(kind, part.chunks, pointer=pointer), limit=read.room)
    read.room -= blob.size
    announced = Announcement(
        name=name, media_type=kind.media_type, size=blob.size, sha256=blob.sha256, role=role
    )
    return Arrived(announced, blob)


async def _seal(part: Part, stage: Stage, file: Arrived) -> Arrived:
    if file.announced.signature_sha256 is not None:
        raise bad_form("Thừa phần 'signature'.", "Unexpected part 'signature'.")
    signature = await _whole(part, most=SIGNATURE_BYTES)
    check_signature(signature, pointer="/signature")
    blob = await stage.write(_only(signature), limit=SIGNATURE_BYTES)
    return replace(file, announced=replace(file.announced, signature_sha256=blob.sha256))


async def _only(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _whole(part: Part, *, most: int) -> bytes:
    raw = bytearray()
    async for chunk in part.chunks:
        raw += chunk
        if len(raw) > most:
            raise Problem("REQ-4131", limit=most)
    return bytes(raw)


def _digest(read: _Read) -> bytes:
    digest = hashlib.sha256(read.json_digest)
    for file in read.files:
        one = file.announced
        for text in (one.role, one.name, one.sha256, one.signature_sha256):
            if text is not None:
                digest.update(len(text.encode()).to_bytes(4, "big") + text.encode())
    return digest.digest()
