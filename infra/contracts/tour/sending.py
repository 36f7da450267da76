"""The tour of a sender: drafts, files, dispatches, and what became of them."""

import asyncio
import base64
import hashlib
from datetime import date
from typing import Any

import aiohttp

from infra.client import Client
from infra.contracts.tour.guide import Guide, Json
from infra.demo.plan import PROVINCE, SENDER, Plan, next_number
from infra.demo.send import Letter, send_form, write_letter
from infra.letter.table import MEDIA_TYPE, NAME, render_table
from infra.pki.sign import sign_detached, signer

BY = f"sys-{SENDER.lower()}"
_PLACE = "/v1/documents/{document_id}"
_FILE = _PLACE + "/attachments/{attachment_id}"
PDF = "application/pdf"


def draft(**changes: Json) -> dict[str, Json]:
    """Return a draft as an agency's software would send it."""
    return {
        "number": "7816",
        "notation": "VPCP-TTĐT",
        "type": "cong_van",
        "subject": "V/v triển khai gửi, nhận văn bản điện tử liên thông",
        "promulgated_on": date.today().isoformat(),  # noqa: DTZ011 (any day will do)
        "urgency": "urgent",
        "signer": {"name": "Nguyễn Thị Ánh Tuyết", "position": "Phó Chủ nhiệm"},
        "recipients": [{"agency": PROVINCE}],
        **changes,
    }


def announced(content: bytes, role: str, **changes: Json) -> dict[str, Json]:
    """Return what announces a file."""
    return {
        "name": f"{role.lower()}.pdf",
        "media_type": PDF,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": role,
        **changes,
    }


async def write(guide: Guide) -> Letter:
    """Write and sign the letter that the tour sends (seconds of CPU, in a thread)."""
    sender: Client = guide.systems[BY]
    plan = Plan(({"agency": PROVINCE},), 1, ())
    return await asyncio.to_thread(write_letter, guide.run, await next_number(sender), plan)


async def drafts(guide: Guide) -> None:
    """Make a draft, look at it, change it, take a file out, delete it; another one stays."""
    made = await guide.go("POST /v1/documents", BY, body=draft())
    guide.ids["document_id"] = made.json()["id"]
    await guide.go("GET /v1/documents", BY, query={"limit": "2"})
    seen = await guide.go(f"GET {_PLACE}", BY)
    etag = {"If-Match": seen.headers["ETag"]}
    patch = {"urgency": "express", "due_on": None}
    kind = {"Content-Type": "application/merge-patch+json"}
    await guide.go(f"PATCH {_PLACE}", BY, body=patch, headers={**etag, **kind})
    body = announced(b"%PDF-1.7 taken out again", "ANNEX")
    file = (await guide.go(f"POST {_PLACE}/attachments", BY, body=body)).json()
    guide.ids["attachment_id"] = file["id"]
    await guide.go(f"GET {_FILE}", BY)
    await guide.go(f"DELETE {_FILE}", BY)
    await guide.go(f"DELETE {_PLACE}", BY)


async def one_call(guide: Guide, letter: Letter) -> None:
    """Hand in document and files by one call, which stays a draft, and by another that sends it."""

    def form() -> aiohttp.FormData:
        return send_form(letter)

    made = await guide.go("POST /v1/documents", BY, form=form)
    guide.ids["draft_id"] = made.json()["id"]
    guide.ids["draft_file_id"] = made.json()["attachments"][0]["id"]
    sent = await guide.go("POST /v1/documents", BY, form=form, query={"dispatch": "true"})
    guide.ids["second_dispatch_id"] = sent.json()["dispatch"]["id"]


async def dispatch(guide: Guide, letter: Letter) -> None:
    """Upload the letter's files to a draft, send it, and follow it until it is there."""
    made = await guide.go("POST /v1/documents", BY, body=letter.description)
    guide.ids["document_id"] = made.json()["id"]
    await upload(guide, letter.annex, "ANNEX")
    await upload_table(guide)
    await upload(guide, letter.main, "MAIN")
    await guide.go(f"GET {_FILE}/content", BY)
    sent = (await guide.go(f"POST {_PLACE}/dispatches", BY, body={})).json()
    guide.ids["dispatch_id"] = sent["id"]
    await guide.until("GET /v1/dispatches/{dispatch_id}", BY, _is_there)
    rows = await guide.go("GET /v1/dispatches/{dispatch_id}/deliveries", BY)
    guide.ids["delivery_id"] = rows.json()["items"][0]["id"]
    await guide.go(
        "GET /v1/dispatches/{dispatch_id}/deliveries", BY, headers={"Accept": "text/csv"}
    )
    await guide.go("GET /v1/deliveries/{delivery_id}", BY)
    await guide.go("GET /v1/deliveries/{delivery_id}/package", BY)


async def upload(guide: Guide, content: bytes, role: str) -> None:
    """Announce a file of the present draft, and send its bytes."""
    body = announced(content, role)
    file = (await guide.go(f"POST {_PLACE}/attachments", BY, body=body)).json()
    guide.ids["attachment_id"] = file["id"]
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"Content-Type": PDF, "Repr-Digest": f"sha-256=:{digest}:"}
    await guide.go(f"PUT {_FILE}/content", BY, raw=content, headers=headers)


async def upload_table(guide: Guide) -> None:
    """Announce an annex that is no PDF with its detached seal, send its bytes, see its seal."""
    content = render_table([("Mã", "Tên"), ("H14", "Ủy ban nhân dân tỉnh Cao Bằng")])
    seal = signer(guide.run, SENDER, "seal")
    signature = await asyncio.to_thread(sign_detached, content, seal)
    sent = {
        "name": NAME,
        "media_type": MEDIA_TYPE,
        "signature": base64.b64encode(signature).decode(),
    }
    body = announced(content, "ANNEX", **sent)
    file = (await guide.go(f"POST {_PLACE}/attachments", BY, body=body)).json()
    guide.ids["attachment_id"] = file["id"]
    headers = {"Content-Type": MEDIA_TYPE}
    await guide.go(f"PUT {_FILE}/content", BY, raw=content, headers=headers)
    await guide.go(f"GET {_FILE}/signature", BY)


async def afterwards(guide: Guide) -> None:
    """See receipt, statuses, timeline and validation, as the sender may."""
    await guide.go("GET /v1/deliveries/{delivery_id}/receipt", BY)
    await guide.go("GET /v1/deliveries/{delivery_id}/statuses", BY)
    await guide.go(f"GET {_PLACE}/timeline", BY)
    await guide.go(f"GET {_PLACE}/validation", BY)
    await guide.go("GET /v1/deliveries", BY, query={"direction": "out", "limit": "2"})


def _is_there(seen: dict[str, Any]) -> bool:
    counts = seen["counts"]
    return counts["available"] + counts["acknowledged"] == seen["recipients"]
