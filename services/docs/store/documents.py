"""Rows of `documents` and `attachments`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from services.docs.document import (
    Announcement,
    Attachment,
    Document,
    DocumentState,
    Draft,
    Signer,
    Urgency,
    choices_as_json,
    choices_from_json,
)
from services.docs.store.where import Where, plan_for_values
from shared.db import Connection
from shared.ids import AgencyId, AttachmentId, DispatchId, DocumentId

if TYPE_CHECKING:
    from asyncpg import Record

_COLUMNS = """d.id, d.sender_id, d.state, d.number, d.notation, d.type, d.subject, d.promulgated_on,
    d.urgency, d.due_on, d.signer_name, d.signer_position, d.signer_competence,
    d.version, d.created_at"""
_WHOLE = f"{_COLUMNS}, d.recipients"
"""With whom it names, who may be 5,000: lists that do not show them do not read them."""
_FILE_COLUMNS = """f.id, f.document_id, f.role, f.name, f.media_type, f.size, f.sha256, f.blocks,
    f.signature_sha256"""


def _document(row: "Record", files: Sequence[Attachment]) -> Document:
    signer = None
    if row["signer_name"] is not None:
        signer = Signer(row["signer_name"], row["signer_position"], row["signer_competence"])
    draft = Draft(
        number=row["number"],
        notation=row["notation"],
        type=row["type"],
        subject=row["subject"],
        promulgated_on=row["promulgated_on"],
        urgency=Urgency(row["urgency"]),
        due_on=row["due_on"],
        signer=signer,
        recipients=choices_from_json(row.get("recipients", ())),
    )
    return Document(
        id=row["id"],
        sender_id=row["sender_id"],
        state=DocumentState(row["state"]),
        draft=draft,
        version=row["version"],
        created_at=row["created_at"],
        attachments=tuple(files),
    )


def _attachment(row: "Record") -> Attachment:
    return Attachment(
        id=row["id"],
        document_id=row["document_id"],
        announced=Announcement(
            name=row["name"],
            media_type=row["media_type"],
            size=row["size"],
            sha256=row["sha256"],
            role=row["role"],
            signature_sha256=row["signature_sha256"],
        ),
        blocks=row["blocks"],
    )


async def insert(
    conn: Connection, document_id: DocumentId, draft: Draft, *, sender: AgencyId, client_id: str
) -> None:
    """Insert a draft."""
    await conn.execute(
        """insert into documents (id, sender_id, client_id, number, notation, type, subject,
            promulgated_on, urgency, due_on, signer_name, signer_position, signer_competence,
            recipients, classification)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'none')""",
        document_id,
        sender,
        client_id,
        *_values(draft),
    )


async def change(conn: Connection, document_id: DocumentId, draft: Draft) -> None:
    """Write a locked draft anew; its version counts on."""
    await conn.execute(
        """update documents set number = $2, notation = $3, type = $4, subject = $5,
            promulgated_on = $6, urgency = $7, due_on = $8, signer_name = $9,
            signer_position = $10, signer_competence = $11, recipients = $12,
            version = version + 1
        where id = $1""",
        document_id,
        *_values(draft),
    )


def _values(draft: Draft) -> tuple[object, ...]:
    signer = draft.signer
    return (
        draft.number,
        draft.notation,
        draft.type,
        draft.subject,
        draft.promulgated_on,
        draft.urgency.value,
        draft.due_on,
        None if signer is None else signer.name,
        None if signer is None else signer.position,
        None if signer is None else signer.competence,
        choices_as_json(draft.recipients),
    )


async def delete(conn: Connection, document_id: DocumentId) -> None:
    """Delete a locked draft with its attachments; blobs and signatures stay, as evidence."""
    await conn.execute("delete from documents where id = $1", document_id)


async def lock(conn: Connection, document_id: DocumentId, *, sender: AgencyId) -> Document | None:
    """Lock a document of this sender and return it as it is now."""
    row = await conn.fetchrow(
        f"""select {_WHOLE} from documents as d
        where d.id = $1 and d.sender_id = $2 for update""",  # noqa: S608 (fixed column names)
        document_id,
        sender,
    )
    return None if row is None else _document(row, await _files(conn, document_id))


async def find(
    conn: Connection, document_id: DocumentId, *, readers: Sequence[AgencyId]
) -> Document | None:
    """Return a document that one of these agencies has sent, or holds in its mailbox."""
    row = await conn.fetchrow(
        f"""select {_WHOLE} from documents as d
        where d.id = $1 and (d.sender_id = any($2) or exists (
            select 1 from deliveries as x
            where x.document_id = d.id and x.recipient_id = any($2) and x.sequence is not null
        ))""",  # noqa: S608
        document_id,
        readers,
    )
    return None if row is None else _document(row, await _files(conn, document_id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents a list shall hold; None: no matter."""

    state: DocumentState | None = None
    code: str | None = None


async def page(
    conn: Connection,
    wanted: Wanted,
    *,
    senders: Sequence[AgencyId],
    before: DocumentId | None,
    limit: int,
    named: bool,
) -> list[Document]:
    """Return documents of these senders, the newest first, older than the id `before`.

    Each sender is a range of its own in the index. Recipients are there only when `named`.
    """
    where, columns = Where(), _WHOLE if named else _COLUMNS
    own, most = where.bind(list(senders)), where.bind(limit)
    where.conditions.append("d.sender_id = own.id")
    where.add("d.id < {}", before)
    where.add("d.state = {}", wanted.state)
    where.add("d.code = {}", wanted.code)
    await plan_for_values(conn)
    rows = await conn.fetch(
        f"""select {columns} from unnest({own}::uuid[]) as own (id)
        cross join lateral (
            select {columns} from documents as d
            where {where} order by d.id desc limit {most}) as d
        order by d.id desc limit {most}""",  # noqa: S608
        *where.values,
    )
    return await _with_files(conn, rows)


async def by_ids(conn: Connection, ids: Sequence[DocumentId]) -> list[Document]:
    """Return these documents without recipients, as row-level security shows them to parties."""
    rows = await conn.fetch(
        f"select {_COLUMNS} from documents as d where d.id = any($1)",  # noqa: S608
        ids,
    )
    return await _with_files(conn, rows)


async def _with_files(conn: Connection, rows: "Sequence[Record]") -> list[Document]:
    ids = [row["id"] for row in rows]
    files: dict[DocumentId, list[Attachment]] = {id_: [] for id_ in ids}
    for row in await conn.fetch(
        f"""select {_FILE_COLUMNS} from attachments as f
        where f.document_id = any($1) order by f.role desc, f.position""",  # noqa: S608
        ids,
    ):
        files[row["document_id"]].append(_attachment(row))
    return [_document(row, files[row["id"]]) for row in rows]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier document with the same number, notation, issuer and date."""

    document_id: DocumentId
    created_at: datetime
    dispatch_id: DispatchId | None


async def earlier(conn: Connection, documents: Sequence[DocumentId]) -> dict[DocumentId, Earlier]:
    """Return of each document the first earlier one that is the same on paper, a sent one first."""
    rows = await conn.fetch(
        """select d.id, e.id as document_id, e.created_at, e.dispatch_id from documents as d
        cross join lateral (
            select o.id, o.created_at, (select p.id from dispatches as p
                where p.document_id = o.id order by p.accepted_at, p.id limit 1) as dispatch_id
            from documents as o
            where o.sender_id = d.sender_id and o.code = d.code
                and o.promulgated_on = d.promulgated_on and o.id <> d.id
                and ((o.created_at, o.id) < (d.created_at, d.id)
                    or (d.state = 'draft' and o.state = 'dispatched'))
            order by o.state = 'dispatched' desc, o.created_at, o.id limit 1) as e
        where d.id = any($1)""",
        documents,
    )
    return {
        row["id"]: Earlier(row["document_id"], row["created_at"], row["dispatch_id"])
        for row in rows
    }


async def _files(conn: Connection, document_id: DocumentId) -> list[Attachment]:
    rows = await conn.fetch(
        f"""select {_FILE_COLUMNS} from attachments as f
        where f.document_id = $1 order by f.role desc, f.position""",  # noqa: S608
        document_id,
    )
    return [_attachment(row) for row in rows]


async def announce(conn: Connection, attachment: Attachment, *, sender: AgencyId) -> None:
    """Insert a file behind the others of a locked document; stored if it has its blocks."""
    announced = attachment.announced
    await conn.execute(
        """insert into attachments (id, document_id, sender_id, position, role, name, media_type,
            size, sha256, blocks, stored_at, signature_sha256)
        select $1, $2, $3, coalesce(max(f.position), 0) + 1, $4, $5, $6, $7, $8, $9::bytea,
            case when $9::bytea is null then null else now() end, $10
        from attachments as f where f.document_id = $2""",
        attachment.id,
        attachment.document_id,
        sender,
        announced.role,
        announced.name,
        announced.media_type,
        announced.size,
        announced.sha256,
        attachment.blocks,
        announced.signature_sha256,
    )


async def attach(conn: Connection, attachment_id: AttachmentId, *, blocks: bytes) -> None:
    """Mark a file of a locked document as stored: its sender has sent exactly these bytes."""
    await conn.execute(
        "update attachments set blocks = $2, stored_at = now() where id = $1",
        attachment_id,
        blocks,
    )


async def detach(conn: Connection, attachment_id: AttachmentId) -> None:
    """Take a file out of a locked document."""
    await conn.execute("delete from attachments where id = $1", attachment_id)


async def count_files(conn: Connection) -> int:
    """Count the stored files that some document names, or that a signature was asked for."""
    return await conn.fetchval(
        """select count(*) from (
            select sha256 from attachments where stored_at is not null
            union select signature_sha256 from attachments where signature_sha256 is not null
            union select source_sha256 from signatures
            union select signed_sha256 from signatures where signed_sha256 is not null
        ) as known"""
    )
