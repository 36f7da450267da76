"""Objects of one owner, of every kind that has an id: what an access matrix is asked about."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

from tests.proof.client import Answer, Refused, System
from tests.proof.harness import Json
from tests.proof.papers import Desk, canary, unsigned

PIN = "development"
_SIZE = 30_000
_PATIENCE_S = 120.0
_MULTIPART = "accessBoundary"


T = TypeVar("T")


class NotThere(Exception):  # noqa: N818 (the exchange has not done what the matrix needs)
    """An object did not come into being in time."""


@dataclass(frozen=True, slots=True)
class Party:
    """A system and the agency for which it acts."""

    system: System
    agency: str

    @property
    def acting(self) -> str | None:
        """Return the code for `On-Behalf-Of`, where the system has several agencies."""
        return self.agency if len(self.system.agencies) > 1 else None

    async def ask(self, method: str, path: str, **more: object) -> Answer:
        """Ask in the agency's name."""
        return await self.system.ask(method, path, acting=self.acting, **more)  # pyright: ignore[reportArgumentType] (as `System.ask` takes them)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one owner has, by the names of the parameters of paths."""

    owner: str
    sent: Mapping[str, str]
    """Of a document that was sent, received and acknowledged; its lease is of a second one."""
    draft: Mapping[str, str]
    """Of a draft that waits for a signature."""
    shown: frozenset[str]
    """What its recipient may see besides its owner: ids, digests and words found nowhere else."""
    kept: frozenset[str]
    """What only the owner may see."""


async def post(desk: Desk, sender: Party, recipient: Party, word: str) -> Json:
    """Send a signed document with a sealed table; return it with its dispatch and trace."""
    paper = desk.write(sender.agency, _SIZE, canary(secrets.randbelow(10**9), word))
    annex = f"Mã,Từ\r\n1,{word}\r\n".encode()
    signature = desk.signer(sender.agency, "seal").sign(hashlib.sha256(annex).digest())
    files = (("main", "a.pdf", paper), ("annex", "b.csv", annex), ("signature", "b.p7s", signature))
    answer = await sender.ask(
        "POST",
        "/v1/documents?dispatch=true",
        raw=_form(_description(word, recipient.agency), files),
        headers={"Content-Type": f"multipart/form-data; boundary={_MULTIPART}"},
    )
    return {**answer.json(), "trace": answer.headers.get("Trace-Id", "")}


async def dispatched(desk: Desk, sender: Party, recipient: Party, word: str) -> Json:
    """Send a signed document and wait until it is in the mailbox; return it."""
    found = await post(desk, sender, recipient, word)
    place = f"/v1/dispatches/{found['dispatch']['id']}"

    async def arrived() -> Json | None:
        counts = (await sender.ask("GET", place)).json()["counts"]
        return found if counts["available"] + counts["acknowledged"] else None

    return await until(arrived, f"{word} is in the mailbox of {recipient.agency}")


def _description(word: str, recipient: str) -> Json:
    return {
        "number": str(secrets.randbelow(10**8)),
        "notation": f"TN-{word[:6].upper()}",
        "type": "cong_van",
        "subject": f"V/v {word}",
        "promulgated_on": "2026-11-22",
        "recipients": [{"agency": recipient}],
    }


def _form(description: Json, files: Sequence[tuple[str, str, bytes]]) -> bytes:
    head = f'--{_MULTIPART}\r\nContent-Disposition: form-data; name="%s"%s\r\n%s\r\n'
    text = json.dumps(description, ensure_ascii=False)
    form = (head % ("document", "", "Content-Type: application/json\r\n") + text).encode()
    for part, name, content in files:
        form += b"\r\n" + (head % (part, f'; filename="{name}"', "")).encode() + content
    return form + f"\r\n--{_MULTIPART}--\r\n".encode()


async def bundle(desk: Desk, sender: Party, recipient: Party) -> Bundle:
    """Make everything that an agency can own, with a recipient of its documents."""
    words = [f"tu{secrets.token_hex(10)}" for _ in range(3)]
    first = await dispatched(desk, sender, recipient, words[0])
    entry, digests = await acknowledged(recipient, first)
    second = await dispatched(desk, sender, recipient, words[1])
    lease = await _leased(recipient, str(second["dispatch"]["id"]))
    draft = await _to_be_signed(sender, words[2])
    subscription = await _subscribed(sender)
    main, sealed = first["attachments"]
    sent = {
        "document_id": first["id"],
        "attachment_id": sealed["id"],
        "dispatch_id": first["dispatch"]["id"],
        "delivery_id": entry["delivery_id"],
        "lease_id": lease,
        "signature_id": draft["signature_id"],
        "subscription_id": subscription,
        "digests": json.dumps(digests),
        "code": sender.agency,
        "client_id": sender.system.client_id,
        "certificate": draft["certificate"],
        "paper_code": first["code"],
    }
    numbers = {first["code"], second["code"]}
    seen = {first["id"], second["id"], entry["delivery_id"], lease}
    seen |= {one[name] for one in (main, sealed) for name in ("id", "sha256")}
    seen.add(sealed["signature"]["sha256"])
    traces = {one["trace"] for one in (first, second) if one["trace"]}
    return Bundle(
        owner=sender.agency,
        sent=sent,
        draft={**sent, **draft},
        shown=frozenset({*seen, *numbers, *words[:2], sent["dispatch_id"], *traces}),
        kept=frozenset({draft["document_id"], draft["attachment_id"], draft["signature_id"]})
        | {words[2], subscription},
    )


async def acknowledged(recipient: Party, sent: Json) -> tuple[Json, dict[str, str]]:
    """Return the entry of what was sent, acknowledged and reported, and its digests."""

    async def arrived() -> Json | None:
        after = 0
        while True:
            path = f"/v1/inbox?lane=normal&after={after}&limit=500"
            page = (await recipient.ask("GET", path)).json()
            for item in page["items"]:
                if json.loads(item["entry"])["dispatch_id"] == sent["dispatch"]["id"]:
                    return item
            if not page["items"]:
                return None
            after = page["next_after"]

    item = await until(arrived, f"the entry of {sent['code']}")
    digests = {file["id"]: file["sha256"] for file in json.loads(item["entry"])["files"]}
    place = f"/v1/deliveries/{item['delivery_id']}"
    await recipient.ask("POST", f"{place}/acknowledgement", body={"digests": digests})
    await recipient.ask("POST", f"{place}/statuses", body={"code": "03"})
    return item, digests


async def _leased(recipient: Party, dispatch: str) -> str:
    """Return a living lease of a delivery; what else is handed out is given back."""

    async def held() -> str | None:
        asked = {"max": 100, "visibility": "PT1H", "wait": "PT1S"}
        mine = None
        answer = await recipient.ask("POST", "/v1/inbox/leases", body=asked)
        for lease in answer.json()["leases"]:
            if json.loads(lease["delivery"]["entry"])["dispatch_id"] == dispatch:
                mine = str(lease["id"])
            else:
                await recipient.ask("DELETE", f"/v1/inbox/leases/{lease['id']}")
        return mine

    return await until(held, f"{recipient.agency} leases {dispatch}")


async def _to_be_signed(owner: Party, word: str) -> dict[str, str]:
    """Make a draft with a file, and ask for its leader's signature: the draft is then frozen."""
    draft = (await owner.ask("POST", "/v1/documents", body=_description(word, "G01"))).json()
    place = f"/v1/documents/{draft['id']}"
    content = unsigned(_SIZE).replace(b"canary-000000000-0000000000000000", word.encode().ljust(33))
    announced = {
        "name": f"{word}.pdf",
        "media_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "role": "MAIN",
    }
    file = (await owner.ask("POST", f"{place}/attachments", body=announced)).json()
    headers = {"Content-Type": "application/pdf"}
    await owner.ask("PUT", file["upload"]["put"], raw=content, headers=headers)
    known = (await owner.ask("GET", "/v1/certificates?kind=leader")).json()["items"]
    certificate = next(one["sha256"] for one in known if one["remote"])
    wanted = {"attachment_id": file["id"], "kind": "leader", "certificate": certificate}
    asked = (await owner.ask("POST", f"{place}/signatures", body=wanted)).json()

    async def known_there() -> bool:
        try:
            await owner.ask("GET", f"/v1/signatures/{asked['id']}")
        except Refused:
            return False
        return True

    await until(known_there, f"signing knows the request of {owner.agency}")
    return {
        "document_id": draft["id"],
        "attachment_id": file["id"],
        "signature_id": asked["id"],
        "certificate": certificate,
        "paper_code": draft["code"],
    }


async def _subscribed(owner: Party) -> str:
    """Return a Kafka mailbox of the owner's system; there is one at most."""
    try:
        asked = await owner.system.ask("POST", "/v1/subscriptions", body={"kind": "kafka"})
    except Refused:
        found = (await owner.system.ask("GET", "/v1/subscriptions")).json()["items"]
        return str(next(one["id"] for one in found if one["state"] != "ended"))
    return str(asked.json()["id"])


async def until(look: "Callable[[], Awaitable[T | None]]", what: str) -> T:
    """Look until there is something. Raises NotThere."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if found := await look():
            return found
        await asyncio.sleep(0.2)
    raise NotThere(what)


def _twin(id_: str) -> str:
    """Return another id made at the same time (RFC 9562 5.7): signing answers young ones so."""
    return id_[:15] + str(uuid4())[15:]


def absent(like: Mapping[str, str]) -> dict[str, str]:
    """Return ids of nothing, of the same forms, lengths and ages."""
    made = {name: _twin(value) for name, value in like.items() if name.endswith("_id")}
    return {
        **like,
        **made,
        "client_id": "z" + like["client_id"][1:],
        "code": "Z" + like["code"][1:],
        "certificate": secrets.token_hex(32),
        "paper_code": f"{secrets.randbelow(10**8)}/TN-{secrets.token_hex(3).upper()}",
        "digests": json.dumps({str(uuid4()): secrets.token_hex(32)}),
    }
