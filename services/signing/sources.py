"""Where the state of a certificate is asked for: at authorities of which no list can be had."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cache

from services.signing.certificate import Registered
from services.signing.due import is_missed
from services.signing.pool import Look
from services.signing.store import certificates, fetches, lists
from services.signing.validation.material import Authority
from services.signing.validation.material import digest as digest_of
from services.signing.validation.policy import NEWEST, Policy, load
from shared.db import Connection, clock


@cache
def _policy() -> Policy:
    return load(NEWEST.read_bytes())


def _oldest(one: Authority) -> timedelta:
    """Return for how long a list tells of what an authority is trusted to issue."""
    hours = _policy().page.revocation.fresh.oldest_hours
    signers = set(one.purposes) - {"authority"}
    return timedelta(hours=hours.leaf if signers else hours.authority)


async def missed(conn: Connection, listed: Sequence[Authority]) -> set[str]:
    """Return those of some authorities whose lists cannot be had now; none if nobody answers."""
    if not any(one.ocsp for one in listed):
        return set()
    fetched = {one.name: one for one in listed if one.crl}
    held = await lists.held_of(conn, list(fetched), in_force=[one.name for one in listed])
    now = await clock(conn)
    return {
        one.authority
        for one in held
        if is_missed(
            one.newest, failing=one.failing, now=now, oldest=_oldest(fetched[one.authority])
        )
    }


def asked(listed: Sequence[Authority], missed: Collection[str]) -> list[str]:
    """Return the authorities that are asked about each certificate: no list tells of it."""
    return [one.name for one in listed if one.ocsp and (not one.crl or one.name in missed)]


async def questions(
    conn: Connection, look: Look, registered: Mapping[str, Registered]
) -> list[str]:
    """Return the certificates of a file whose authorities are to be asked about each of them.

    Also those of time-stamping units whose stamps count only once that is known.
    """
    listed = look.material.authorities if look.material else ()
    away = await missed(conn, listed)
    names = set(asked(listed, away))
    if names:
        # Also those of a name that such an authority had before it was renewed.
        names = set(await fetches.of_one_key(conn, names))
        names -= {one.name for one in listed if one.crl and one.name not in away}
    anchors = {digest_of(one.der) for one in listed if one.anchor}  # nobody answers for itself
    units = await certificates.known(conn, [one.sha256 for one in look.units]) if names else {}
    return [
        sha256
        for sha256, row in (dict(registered) | units).items()
        if row.issuer in names and sha256 not in anchors
    ]
