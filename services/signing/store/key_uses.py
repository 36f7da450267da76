"""PINs that were tried, and who used which key for what."""

from typing import Literal

from services.signing.signature import MOST_TRIES, Holder, Signature
from shared.db import Connection

Outcome = Literal["wrong_pin", "activated", "intended", "released"]


async def take_try(conn: Connection, certificate: str) -> int | None:
    """Count a try before the key is touched; return how many are left after it, None: locked.

    Counted first, so that tries side by side, or cut off by a death, are not free.
    """
    failed = await conn.fetchval(
        """insert into key_tries as t (certificate, failed) values ($1, 1)
        on conflict (certificate) do update set failed = t.failed + 1 where t.failed < $2
        returning t.failed""",
        certificate,
        MOST_TRIES,
    )
    return None if failed is None else MOST_TRIES - failed


async def forget_tries(conn: Connection, certificate: str) -> bool:
    """Begin the count anew: the PIN was right, or the registrar unlocks the key."""
    gone = await conn.fetchval(
        "delete from key_tries where certificate = $1 returning true", certificate
    )
    return gone is not None


async def note(
    conn: Connection, outcome: Outcome, *, signature: Signature, holder: Holder, client_id: str
) -> None:
    """Write down what a system did with a person's, or the organisation's, key, and count it."""
    await conn.execute(
        """with noted as (
            insert into key_uses
                (signature_id, outcome, certificate, person, client_id, agency_id, sha256)
            values ($1, $2, $3, $4, $5, $6, $7) returning signature_id)
        update signatures as s set uses = s.uses + 1 from noted where s.id = noted.signature_id""",
        signature.id,
        outcome,
        signature.certificate,
        holder.person,
        client_id,
        signature.agency_id,
        signature.source_sha256,
    )
