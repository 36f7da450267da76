"""What the demo sends, and whose systems take part: asked of the directory, not known by heart."""

from collections.abc import Iterable
from dataclasses import dataclass

from infra.client import Access, Client, Json

SENDER = "G22"
PROVINCE = "H14"
FIRST_NUMBER = 7_816
LEVELS = ("district", "commune")
PAGE = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """The recipients as the sender names them, and the systems that serve them."""

    recipients: tuple[Json, ...]
    agencies: int
    systems: tuple[str, ...]

    @property
    def districts(self) -> bool:
        """Say whether this network has districts."""
        return any(r.get("select", {}).get("level") == "district" for r in self.recipients)


async def make_plan(sender: Client, known: dict[str, Access]) -> Plan:
    """Choose the province itself and all that lies under it, level by level."""
    directory = await pages(sender, "/v1/agencies?state=active")
    codes = {PROVINCE}
    recipients: list[Json] = [{"agency": PROVINCE}]
    for level in LEVELS:
        found = {a["code"] for a in directory if a["level"] == level and a["parent"] in codes}
        if found:  # the network of today has no districts
            codes |= found
            recipients.append({"select": {"level": level, "under": PROVINCE}})
    systems = [
        access.client_id
        for access in known.values()
        if codes & set(access.agencies) and "documents.receive" in access.scope
    ]
    return Plan(tuple(recipients), len(codes), tuple(systems))


async def next_number(sender: Client) -> str:
    """Return the number after the highest one this sender has used."""
    return number_after(item["number"] for item in await pages(sender, "/v1/documents?"))


def number_after(used: Iterable[str]) -> str:
    """Return the number after the highest; those of more than digits (`12a`) do not count."""
    plain = [int(number) for number in used if number.isascii() and number.isdecimal()]
    return str(max([FIRST_NUMBER - 1, *plain]) + 1)


async def pages(client: Client, path: str, *, acting: str | None = None) -> list[Json]:
    """Return all items of a paged list."""
    items: list[Json] = []
    cursor = ""
    while True:
        answer = await client.ask("GET", f"{path}&limit={PAGE}{cursor}", acting=acting)
        page = answer.json()
        items += page["items"]
        if not page.get("next_cursor"):
            return items
        cursor = f"&cursor={page['next_cursor']}"
