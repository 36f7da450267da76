"""A genuine receipt of the running stack: a document is sent, and its recipient acknowledges it."""

import secrets

from tests.proof.access.bundles import Party, acknowledged, dispatched
from tests.proof.client import opened, systems
from tests.proof.harness import Harness
from tests.proof.papers import Desk

RECEIPT = "a genuine receipt"
"""Its name among the tokens that are ours but for something else."""
_SENDER, _RECIPIENT = ("sys-g22", "G22"), ("sys-g05", "G05")
_PATIENCE = 60.0


async def receipt(harness: Harness) -> str:
    """Return a receipt (JWS) as its recipient is given it.

    Raises Refused, Unreachable, NotThere.
    """
    async with opened(harness) as door:
        known = systems(door, patience=_PATIENCE)
        sender, recipient = (Party(known[name], code) for name, code in (_SENDER, _RECIPIENT))
        desk = Desk(harness.run / "pki", harness.run / "proof-papers")
        sent = await dispatched(desk, sender, recipient, f"tu{secrets.token_hex(10)}")
        entry, _ = await acknowledged(recipient, sent)
        path = f"/v1/deliveries/{entry['delivery_id']}/receipt"
        return str((await recipient.ask("GET", path)).json()["receipt"])
