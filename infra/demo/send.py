"""The sender: a letter of the ministry, signed by its leader, sealed, and handed in by one call."""

import datetime as dt
import json
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp

from infra.client import Client, Json
from infra.demo.plan import SENDER, Plan
from infra.letter.render import render_annex, render_letter
from infra.letter.sample import sample_annex, sample_letter
from infra.pki.sign import sign_annex, sign_main, signer

NOTATION = "VPCP-TTĐT"
POSITION = "Phó Chủ nhiệm"
_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Letter:
    """A signed letter with its annex, and what the exchange must know of it."""

    code: str
    subject: str
    description: Json
    main: bytes
    annex: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """What the exchange answered."""

    dispatch: str
    accepted_at: dt.datetime
    accept_ms: float
    """From the first byte of the first try to the answer."""
    recipients: int
    trace: str


def write_letter(run: Path, number: str, plan: Plan) -> Letter:
    """Write, sign and seal the letter. Takes seconds of CPU: call it in a thread."""
    code, today = f"{number}/{NOTATION}", dt.datetime.now(_VIETNAM).date()
    leader = _name(run)
    text = sample_letter(
        code=code, signer=leader, promulgated_on=today, with_districts=plan.districts
    )
    letter = render_letter(text)
    annex = render_annex(sample_annex(code=code, promulgated_on=today))
    return Letter(
        code=code,
        subject=text.subject,
        description={
            "number": number,
            "notation": NOTATION,
            "type": "cong_van",
            "subject": f"V/v {text.subject}",
            "promulgated_on": today.isoformat(),
            "urgency": "urgent",
            "signer": {"name": leader, "position": POSITION},
            "recipients": list(plan.recipients),
        },
        main=sign_main(letter.pdf, run, SENDER, place=letter.place),
        annex=sign_annex(annex.pdf, run, SENDER, document_code=code, place=annex.place),
    )


def _name(run: Path) -> str:
    certificate = signer(run, SENDER, "leader").signing_cert
    if certificate is None:
        raise ValueError(f"{SENDER}.leader.p12 holds no certificate")
    return str(certificate.subject.native["common_name"])  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] (asn1crypto has no types)


async def send(sender: Client, letter: Letter) -> Sent:
    """Hand in document and files and send them, in one request with one idempotency key."""
    began = time.monotonic()
    answer = await sender.ask(
        "POST",
        "/v1/documents?dispatch=true",
        form=lambda: send_form(letter),
        headers={"Idempotency-Key": str(uuid4())},
    )
    accept_ms = (time.monotonic() - began) * 1000
    dispatch = answer.json()["dispatch"]
    return Sent(
        dispatch=dispatch["id"],
        accepted_at=dt.datetime.fromisoformat(dispatch["accepted_at"]),
        accept_ms=accept_ms,
        recipients=dispatch["recipients"],
        trace=dispatch["trace_id"],
    )


def send_form(letter: Letter) -> aiohttp.FormData:
    """Return the form that hands in a whole document."""
    form = aiohttp.FormData()
    description = json.dumps(letter.description, ensure_ascii=False)
    form.add_field("document", description, content_type="application/json")
    name = letter.code.replace("/", "-")
    for part, content, suffix in (("main", letter.main, ""), ("annex", letter.annex, "-PL")):
        form.add_field(
            part, content, filename=f"{name}{suffix}.pdf", content_type="application/pdf"
        )
    return form
