"""The tour of a signer: certificates, a signature opened by its PIN, and one cancelled."""

from datetime import date

from infra.contracts.tour.guide import NOT_YET, Guide, Json
from infra.contracts.tour.sending import BY, PDF, draft, upload
from infra.letter.render import render_letter
from infra.letter.sample import sample_letter
from infra.pki.establish import PASSWORD

_DRAFT = "/v1/documents/{document_id}"
_ONE = "/v1/signatures/{signature_id}"


async def sign(guide: Guide) -> None:
    """Have a leader's key sign the file of a draft; ask for a seal, and cancel that."""
    body = draft()
    made = await guide.go("POST /v1/documents", BY, body=body)
    guide.ids["document_id"] = made.json()["id"]
    text = sample_letter(
        code="7816/VPCP-TTĐT",
        signer=body["signer"]["name"],
        promulgated_on=date.fromisoformat(body["promulgated_on"]),
        with_districts=False,
    )
    unsigned = render_letter(text).pdf
    await guide.go("POST /v1/validations", BY, raw=unsigned, headers={"Content-Type": PDF})
    await upload(guide, unsigned, "MAIN")
    await _ask(guide, "leader")
    pin = {"pin": PASSWORD.decode()}
    await guide.go(f"POST {_ONE}/activation", BY, body=pin, again=NOT_YET)
    await guide.go(f"GET {_ONE}", BY)
    await guide.until(f"GET {_DRAFT}/signatures", BY, _is_applied)
    await _ask(guide, "seal")
    await guide.go(f"DELETE {_ONE}", BY, again=NOT_YET)


async def _ask(guide: Guide, kind: str) -> None:
    found = await guide.go("GET /v1/certificates", BY, query={"kind": kind})
    [certificate, *_] = [row["sha256"] for row in found.json()["items"] if row["remote"]]
    file = guide.ids["attachment_id"]
    body: dict[str, Json] = {"attachment_id": file, "kind": kind, "certificate": certificate}
    asked = await guide.go(f"POST {_DRAFT}/signatures", BY, body=body)
    guide.ids["signature_id"] = asked.json()["id"]


def _is_applied(seen: Json) -> bool:
    return all(one["state"] == "applied" for one in seen["items"])
