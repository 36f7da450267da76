"""How old revocation data is, authority by authority, and since when it cannot be fetched."""

import math

from services.signing.store import answers, fetches, trust
from services.signing.trustlist import OWN, in_force
from shared.db import Connection
from shared.http import Labelled

_LABEL = "authority"


async def ages(conn: Connection) -> Labelled:
    """Return the age of each listed authority's newest list; infinite: there is none yet.

    Gauge `lienthong_revocation_age_seconds`.
    """
    known = {one.name: one.age for one in await fetches.freshness(conn)}
    trusted = in_force((await trust.current(conn)).entries)
    wanted = [name for name, one in trusted.items() if one.terms.crl or name in OWN]
    found = {name: known.get(name) for name in wanted}
    return Labelled(_LABEL, {name: math.inf if age is None else age for name, age in found.items()})


async def failing(conn: Connection) -> Labelled:
    """Return since when fetching fails, 0 while it goes well; only of what is fetched.

    Gauge `lienthong_revocation_failing_seconds`.
    """
    known = {one.name: one.failing for one in await fetches.freshness(conn)}
    asked = await answers.failing(conn)
    trusted = in_force((await trust.current(conn)).entries)
    return Labelled(
        _LABEL,
        {
            name: max(known.get(name, 0.0), asked.get(name, 0.0))
            for name, one in trusted.items()
            if (one.terms.crl or one.terms.ocsp) and name not in OWN
        },
    )
