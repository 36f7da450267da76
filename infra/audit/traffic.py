"""Real documents for a stack that is to be tampered with: every state that the audit knows."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from infra.bench.load import TYPE, form
from infra.bench.papers import made
from infra.bench.plan import Mailbox, Plan, directory, plan_of
from infra.client import Client, Json, connect
from infra.contracts.tour import signing
from infra.contracts.tour.guide import guided
from infra.pki import registry
from infra.pki.sign import sign_detached, signer

Say: TypeAlias = Callable[[str], None]

LETTERS = 24
_PER_SENDER = 2
_PATIENCE_S = 60
_LEASE = {"max": 50, "visibility": "PT30S", "wait": "PT0S"}
_STATUSES: tuple[tuple[Json, ...], ...] = (
    (),
    ({"code": "03", "arrival_number": "1234", "staff": {"name": "Nông Thị Hoa"}},),
    ({"code": "03"}, {"code": "04"}, {"code": "06"}, {"code": "05", "reopen": True}),
    ({"code": "02", "note": "Không thuộc thẩm quyền"},),
    ({"code": "03"}, {"code": "05", "note": "Đang xử lý"}),
)


class NoTraffic(Exception):  # noqa: N818
    """What was sent did not come to its end in time."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Clients of a stack, who sends and receives, and signed letters by sender."""

    run: Path
    clients: Mapping[str, Client]
    plan: Plan
    papers: Mapping[str, Sequence[bytes]]


async def send(run: Path, say: Say, *, revoking: bool, letters: int = LETTERS) -> None:
    """Send letters, let some be acknowledged and worked on, sign one by kept keys.

    One has an annex with a detached seal, one is refused; with `revoking` a certificate is revoked
    after its letter was delivered.
    Raises NoTraffic.
    """
    async with connect(run) as clients:
        plan = plan_of(run, await directory(clients["registrar"]))
        senders = list(plan.senders.values())
        papers = await asyncio.to_thread(
            lambda: made(run, senders, each={"100k": _PER_SENDER, "1m": 1}, say=say)
        )
        by_sender = {code: [*papers["100k"][code], *papers["1m"][code]] for code in senders}
        ground = Ground(run, clients, plan, by_sender)
        say(f"sending {letters} letters")
        await _letters(ground, letters)
        await _sealed(ground)
        await _refused(ground)
        say("acknowledging, reporting statuses")
        await _receive(ground)
        if revoking:
            await _revoked(ground)
    say("signing one by kept keys")
    async with guided(run) as guide:
        await signing.sign(guide)


async def _letters(ground: Ground, letters: int) -> None:
    plan = ground.plan
    mailboxes = [*plan.few, *plan.wide[:8]]
    sent: list[tuple[Client, str]] = []
    for number in range(letters):
        client_id, code = list(plan.senders.items())[number % len(plan.senders)]
        start = number * 5 % len(mailboxes)
        to = (mailboxes * 2)[start : start + 1 + number % 9]
        papers = ground.papers[code]
        paper = papers[number // len(plan.senders) % len(papers)]
        client = ground.clients[client_id]
        sent.append(
            (client, await _hand_in(client, 9_000 + number, paper, to, urgent=number % 3 == 0))
        )
    for client, dispatch in sent:
        await _until(client, dispatch, "cleared")


async def _hand_in(
    client: Client, number: int, paper: bytes, to: Sequence[Mailbox], *, urgent: bool
) -> str:
    """Send one letter; return the path of its dispatch."""
    body = form(number, paper, [{"agency": box.code} for box in to], urgent=urgent)
    return await _send(client, body)


async def _send(client: Client, body: bytes) -> str:
    answer = await client.ask(
        "POST", "/v1/documents?dispatch=true", raw=body, headers={"Content-Type": TYPE}
    )
    return f"/v1/dispatches/{answer.json()['dispatch']['id']}"


async def _until(client: Client, dispatch: str, state: str) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            seen = (await client.ask("GET", dispatch)).json()
            if seen["state"] == state:
                return
            await asyncio.sleep(0.2)


async def _sealed(ground: Ground) -> None:
    """A letter with a table, whose seal is a file of its own."""
    client_id, code = next(iter(ground.plan.senders.items()))
    table = "Mã,Tên\r\nH14,Cao Bằng\r\n".encode()
    seal = await asyncio.to_thread(sign_detached, table, signer(ground.run, code, "seal"))
    to = [{"agency": box.code} for box in ground.plan.few[:2]]
    body = form(9_902, ground.papers[code][0], to, urgent=False, sealed=(table, seal))
    client = ground.clients[client_id]
    await _until(client, await _send(client, body), "cleared")


async def _refused(ground: Ground) -> None:
    """A letter of one agency, handed in by another."""
    (first, _), (_, other) = list(ground.plan.senders.items())[:2]
    client = ground.clients[first]
    paper = ground.papers[other][0]
    await _until(
        client, await _hand_in(client, 9_900, paper, ground.plan.few[:3], urgent=False), "refused"
    )


async def _receive(ground: Ground) -> None:
    """Two of three deliveries are acknowledged; of these some are worked on."""
    boxes = [*ground.plan.few, *ground.plan.wide[:8]]
    for box in boxes:
        client = ground.clients[box.client_id]
        held = (await client.ask("POST", "/v1/inbox/leases", body=_LEASE, acting=box.code)).json()[
            "leases"
        ]
        for number, lease in enumerate(held):
            if number % 3 < 2:  # noqa: PLR2004 (two of three)
                statuses = _STATUSES[number % len(_STATUSES)]
                await _work(client, box.code, json.loads(lease["delivery"]["entry"]), statuses)


async def _work(client: Client, acting: str, entry: Json, statuses: Sequence[Json]) -> None:
    place = f"/v1/deliveries/{entry['delivery_id']}"
    digests = {file["id"]: file["sha256"] for file in entry["files"]}
    await client.ask("POST", f"{place}/acknowledgement", body={"digests": digests}, acting=acting)
    for body in statuses:
        await client.ask("POST", f"{place}/statuses", body=body, acting=acting)


async def _revoked(ground: Ground) -> None:
    """The last sender's leader loses the certificate: its good verdicts are withdrawn."""
    client_id, code = list(ground.plan.senders.items())[-1]
    client = ground.clients[client_id]
    paper = ground.papers[code][0]
    dispatch = await _hand_in(client, 9_901, paper, ground.plan.few[:2], urgent=True)
    await _until(client, dispatch, "cleared")
    rows = registry.read(ground.run / "pki")
    sha256 = next(row.sha256 for row in rows if (row.agency, row.kind) == (code, "leader"))
    body = {"reason": "keyCompromise"}
    place = f"/v1/certificates/{sha256}/revocations"
    await ground.clients["registrar"].ask("POST", place, body=body)
    await _until(client, dispatch, "withdrawn")
