"""`/v1/documents/{id}/signatures`: asking signing for a signature on a draft's file."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from services.docs import sign
from services.docs.api.answered import SignatureItem, SignatureList
from services.docs.api.answers import answer, digest_of_json
from services.docs.api.matrix import reason
from services.docs.store import documents
from services.docs.store import signatures as store
from services.docs.store.signatures import Kind, Signature
from shared.db import Connection, Database
from shared.errors import Problem
from shared.idempotency import once
from shared.identity import Caller, Scoped
from shared.ids import AttachmentId, DocumentId
from shared.openapi import told

router = APIRouter(tags=["signatures"])

Sender = Annotated[Caller, Depends(Scoped("documents.send"))]


class SignatureRequest(BaseModel):
    """Which file is to be signed, as what, and by whose certificate."""

    attachment_id: Annotated[UUID, Field(description="A stored file of the draft.")]
    kind: Annotated[
        Kind,
        Field(
            description="`leader`: the signature of the person in charge; `seal`: the"
            " organisation's, made only after a valid leader's one (an annex bears it alone).",
        ),
    ]
    certificate: Annotated[
        str,
        Field(
            pattern="^[0-9a-f]{64}$",
            description="SHA-256 of the certificate (DER): `sha256` in `GET /v1/certificates`.",
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ]


def as_json(one: Signature) -> dict[str, Any]:
    """Return a request for a signature in the shape of the API."""
    signed = None
    if one.signed_sha256 is not None:
        signed = {"sha256": one.signed_sha256, "size": one.signed_size, "at": one.signed_at}
    return {
        "id": one.id,
        "document_id": one.document_id,
        "attachment_id": one.attachment_id,
        "kind": one.kind,
        "certificate": one.certificate,
        "state": one.state,
        "reason": reason(one.reason),
        "trouble": reason(one.trouble),
        "next_try_at": one.next_try_at if one.trouble else None,
        "source": {"sha256": one.source_sha256, "size": one.source_size},
        "signed": signed,
        "requested_at": one.requested_at,
        "ended_at": one.ended_at,
        "activation": f"/v1/signatures/{one.id}/activation",
    }


@router.post(
    "/v1/documents/{document_id}/signatures",
    status_code=202,
    **told(
        "Freeze a draft and ask for a signature on one of its files",
        "Tạm khóa dự thảo và yêu cầu ký số một tệp",
        refuses=(404, 409, 422),
        answers={202: SignatureItem},
    ),
)
async def post_signature(
    request: Request, document_id: UUID, body: SignatureRequest, caller: Sender
) -> Response:
    """Ask for a signature; the signer activates it with a PIN at the address in `activation`.

    Until it is applied, failed or cancelled the draft answers every change with DOC-4095.
    """
    db: Database = request.app.state.db
    sender = caller.agency()
    digest = await digest_of_json(request)

    async def work(conn: Connection) -> Response:
        signature_id = await sign.request(
            conn,
            DocumentId(document_id),
            AttachmentId(body.attachment_id),
            kind=body.kind,
            certificate=body.certificate,
            sender=sender,
            client_id=caller.client_id,
        )
        made = await store.find(conn, signature_id)
        if made is None:
            raise Problem("REQ-4041")
        return answer(as_json(made), 202, headers={"Location": f"/v1/signatures/{signature_id}"})

    return await db.as_caller(
        caller.visible,
        once(request, caller, digest=digest, work=work),
    )


@router.get(
    "/v1/documents/{document_id}/signatures",
    **told(
        "List the signatures that were asked for",
        "Danh sách các yêu cầu ký số của văn bản",
        refuses=(404,),
        answers={200: SignatureList},
    ),
)
async def get_signatures(request: Request, document_id: UUID, caller: Sender) -> Response:
    """Return all requests of the caller's own document, the oldest first.

    `requested` waits for its signer, `made` is about to be applied, `applied` stands in the
    draft's file, `failed` has its reason. One that is `made` and whose file cannot be read has
    its `trouble` and is tried again at `next_try_at`; at last it fails as SIG-5002.
    """
    db: Database = request.app.state.db

    async def read(conn: Connection) -> Response:
        document = await documents.find(conn, DocumentId(document_id), readers=caller.visible)
        if document is None or document.sender_id not in caller.visible:
            raise Problem("REQ-4041")
        found = await store.of_document(conn, document.id, senders=caller.visible)
        return answer({"items": [as_json(one) for one in found]})

    return await db.as_caller(caller.visible, read)
