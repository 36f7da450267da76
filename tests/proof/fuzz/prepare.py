"""What the requests are about: a draft with an announced file, and a letter that has arrived."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from tests.proof.fuzz.bodies import draft
from tests.proof.fuzz.doors import RECIPIENT, SENDER, Doors, ask_json
from tests.proof.fuzz.odd_forms import BOUNDARY, Part, whole
from tests.proof.fuzz.wire import Reply

TREE = Path(__file__).resolve().parents[3]
_SOON_S = 60
_TO_H14: Sequence[Mapping[str, object]] = ({"agency": "H14"},)


def letter(run: Path) -> bytes:
    """Return a letter that G22's leader has signed and G22 sealed (a command of the stack)."""
    path = run / f"fuzz-letter-{uuid4()}.pdf"
    command = [sys.executable, "-m", "infra.letter", str(path)]
    environment = {**os.environ, "LIENTHONG_RUN": str(run)}
    subprocess.run(command, check=True, cwd=TREE, env=environment, stdout=subprocess.DEVNULL)
    pdf = path.read_bytes()
    path.unlink()
    return pdf


def form_of(
    number: str, pdf: bytes, recipients: Sequence[Mapping[str, object]] = _TO_H14
) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a whole document to be sent at once."""
    document = Part(
        b"document",
        json.dumps({**draft(number), "recipients": list(recipients)}).encode(),
        b"Content-Type: application/json\r\n",
    )
    main = Part(b"main", pdf, b"Content-Type: application/pdf\r\n", b"cong-van.pdf")
    # A boundary that no mutation of a PDF holds.
    boundary = BOUNDARY + uuid4().hex.encode()
    kind = f"multipart/form-data; boundary={boundary.decode()}"
    return {"Content-Type": kind}, whole([document, main], boundary)


async def send(doors: Doors, number: str, pdf: bytes) -> Reply:
    """Hand a document in and send it."""
    headers, body = form_of(number, pdf)
    return await ask_json(doors, SENDER, "POST /v1/documents?dispatch=true", body, headers)


async def prepare(doors: Doors, pdf: bytes) -> None:
    """Make the objects, and note their ids. The letter has arrived when this returns."""
    made = json.loads((await ask_json(doors, SENDER, "POST /v1/documents", draft())).body)
    place = f"/v1/documents/{made['id']}"
    announced = {
        "name": "a.pdf",
        "media_type": "application/pdf",
        "size": len(pdf),
        "sha256": "0" * 64,
        "role": "MAIN",
    }
    file = json.loads((await ask_json(doors, SENDER, f"POST {place}/attachments", announced)).body)
    sent = json.loads((await send(doors, "1", pdf)).body)
    certificates = await ask_json(doors, SENDER, "GET /v1/certificates")
    doors.places |= {
        "document_id": made["id"],
        "attachment_id": file["id"],
        "dispatch_id": sent["dispatch"]["id"],
        # Of no use to anybody: what is made up may suspend or revoke it.
        "code": "H22.11.15",
        "agency_code": "H14",
        "lane": "normal",
        "client_id": "sys-h22-11-15",
        "ca": "issuing",
        "sha256": json.loads(certificates.body)["items"][0]["sha256"][::-1],
    }
    doors.places["delivery_id"] = await _arrived(doors)


async def _arrived(doors: Doors) -> str:
    async with asyncio.timeout(_SOON_S):
        while True:
            for lane in ("urgent", "normal"):
                found = await ask_json(doors, RECIPIENT, f"GET /v1/inbox?lane={lane}&limit=1")
                if items := json.loads(found.body)["items"]:
                    return items[0]["delivery_id"]
            await asyncio.sleep(0.2)
