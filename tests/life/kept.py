"""Signing a draft by kept keys, step by step, as an integrator does."""

import asyncio

from infra.client import Client, Json, Refused
from infra.demo.plan import next_number
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from services.docs import directory
from tests.fixtures.eventually import eventually
from tests.life.story import PROVINCE, upload

PIN = "development"


async def certificate(client: Client, kind: str) -> Json:
    """Find the certificate to sign with, as an integrator does."""
    found = (await client.ask("GET", f"/v1/certificates?kind={kind}")).json()["items"]
    (one,) = [c for c in found if c["remote"] and c["state"] == "good" and not c["locked"]]
    return one


async def ask_for(client: Client, document: str, attachment: str, kind: str) -> Json:
    """Ask for a signature of a draft's file, once the draft is not frozen any more."""
    body = {
        "attachment_id": attachment,
        "kind": kind,
        "certificate": (await certificate(client, kind))["sha256"],
    }
    answer = await client.ask("POST", f"{document}/signatures", body=body)
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/signatures/{answer.json()['id']}"
    return answer.json()


async def activate(client: Client, signature: Json, pin: str = PIN) -> Json:
    """Open the key, once signing knows of the request."""

    async def known() -> Json | None:
        try:
            return (await client.ask("GET", f"/v1/signatures/{signature['id']}")).json()
        except Refused:
            return None

    await eventually(known, "signing knows of the request", timeout=30)
    answer = await client.ask("POST", signature["activation"], body={"pin": pin})
    return answer.json()


async def applied(client: Client, document: str, signature: Json) -> Json:
    """Wait until the draft holds the signed file."""

    async def there() -> Json | None:
        items = (await client.ask("GET", f"{document}/signatures")).json()["items"]
        (one,) = [item for item in items if item["id"] == signature["id"]]
        return one if one["state"] == "applied" else None

    return await eventually(there, "the signature stands in the draft", timeout=30)


async def drafted(client: Client) -> tuple[str, Json, bytes]:
    """Make a draft with an unsigned letter for the province; path, attachment and its bytes."""
    number, today = str(await next_number(client)), directory.today()
    code = f"{number}/VPCP-TTĐT"
    letter = sample_letter(code=code, signer="Lê Minh An", promulgated_on=today)
    unsigned = (await asyncio.to_thread(render_letter, letter)).pdf
    body = {
        "number": number,
        "notation": "VPCP-TTĐT",
        "type": "cong_van",
        "subject": letter.subject,
        "promulgated_on": today.isoformat(),
        "recipients": [{"agency": PROVINCE}],
    }
    made = await client.ask("POST", "/v1/documents", body=body)
    document = f"/v1/documents/{made.json()['id']}"
    return document, await upload(client, document, "MAIN", unsigned), unsigned
