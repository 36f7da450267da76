"""Who sends and who receives on a network: systems with one agency each, and wide addressees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.client import Access, Client, Json, accesses

SENDERS, RECIPIENTS, WIDE = 8, 16, 161
ACKNOWLEDGING = 8
"""So many of a wide document's recipients lease, download and acknowledge."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A recipient and the system that reads for it."""

    code: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Senders by client id, and the mailboxes of documents to few and to many."""

    agencies: int
    senders: Mapping[str, str]
    """From client id to agency code."""
    few: tuple[Mailbox, ...]
    wide: tuple[Mailbox, ...]

    def to(self, recipients: int, number: int) -> tuple[Mailbox, ...]:
        """Return the recipients of the nth document: few take turns, many are always the same."""
        if recipients > len(self.few):
            return self.wide[:recipients]
        start = number * recipients % len(self.few)
        return (self.few * 2)[start : start + recipients]

    def receiving(self, recipients: int) -> tuple[Mailbox, ...]:
        """Return the mailboxes that are worked on when documents have so many recipients."""
        return self.few if recipients <= len(self.few) else self.wide[:ACKNOWLEDGING]

    def watched(self, recipients: int) -> tuple[Mailbox, ...]:
        """Return mailboxes of which every document has one: a closed loop waits for those."""
        return self.few if recipients <= len(self.few) else self.wide[:1]

    def clients(self) -> list[str]:
        """Return every system that takes part."""
        reading = (box.client_id for box in (*self.few, *self.wide))
        return list(dict.fromkeys((*self.senders, *reading)))


def plan_of(run: Path, directory: Sequence[Json]) -> Plan:
    """Choose from the active agencies of the directory, the same ones every time."""
    serving = {code: access for access in accesses(run).values() for code in access.agencies}
    codes = sorted(item["code"] for item in directory if item["code"] in serving)
    levels = {item["code"]: item["level"] for item in directory}
    communes = [code for code in codes if levels[code] == "commune"]
    alone = [code for code in communes if _alone(serving[code])]
    # RSA takes longer to sign: G22 alone has it, and papers are made beforehand.
    sending = [code for code in codes if levels[code] != "commune" and _alone(serving[code])]
    few = alone[:RECIPIENTS]
    wide = [code for code in communes if code not in few][:WIDE]
    if len(sending) < SENDERS or len(few) < RECIPIENTS or len(wide) < WIDE:
        raise ValueError(
            f"a network of {len(codes)} agencies is too small: the bench needs {SENDERS} senders,"
            f" {RECIPIENTS} communes with a system of their own and {WIDE} further communes"
        )
    return Plan(
        agencies=len(directory),
        senders={serving[code].client_id: code for code in sending[:SENDERS]},
        few=tuple(Mailbox(code, serving[code].client_id) for code in few),
        wide=tuple(Mailbox(code, serving[code].client_id) for code in wide),
    )


def _alone(access: Access) -> bool:
    return len(access.agencies) == 1


async def directory(client: Client) -> list[Json]:
    """Return the active agencies."""
    items: list[Json] = []
    cursor = ""
    while True:
        answer = await client.ask("GET", f"/v1/agencies?state=active&limit=500{cursor}")
        page = answer.json()
        items += page["items"]
        if not page.get("next_cursor"):
            return items
        cursor = f"&cursor={page['next_cursor']}"
