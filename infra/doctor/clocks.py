"""Clocks: PostgreSQL's and every instance's against this machine's."""

import time
from email.utils import parsedate_to_datetime

from infra.doctor import store
from infra.doctor.finding import Findings, Seen, fault
from infra.doctor.site import CannotLook, Connection, Site

_WHOLE_SECOND = 1.0
"""An HTTP date says no fractions (RFC 9110 5.6.7), and a server may tell the last one it made."""


async def clock(site: Site) -> Seen:
    """Leases, tokens and revocation lists go wrong when clocks do."""
    skews = {"PostgreSQL": await site.query("docs", _postgres)}
    for name, url in site.instances():
        began = time.time()
        try:
            _, _, headers = await site.get(f"{url}/health/live", who=name)
        except CannotLook:
            continue  # that it does not answer is the finding of another check
        if "date" in headers:
            skews[name] = _apart(
                parsedate_to_datetime(headers["date"]).timestamp(), began, time.time()
            )
    most = site.limits.skew_seconds
    findings: Findings = [
        fault(
            f"{name}'s clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}",
            "set the clock by NTP: chronyc tracking, timedatectl status; then "
            + site.make("doctor"),
        )
        for name, skew in skews.items()
        if abs(skew) > most
    ]
    return Seen(f"{len(skews)} clocks agree within {most:g} s", tuple(findings))


async def _postgres(conn: Connection) -> float:
    await store.clock(conn)  # the first answer of a connection is a slow one
    began = time.time()
    return _between(await store.clock(conn), began, time.time())


def _between(told: float, began: float, ended: float) -> float:
    """Return how far a time lies outside the moment in which it was asked for; 0: inside."""
    return max(told - ended, 0.0) + min(told - began, 0.0)


def _apart(told: float, began: float, ended: float) -> float:
    """Return the same for a time in whole seconds."""
    return max(told - ended, 0.0) + min(told + _WHOLE_SECOND - began, 0.0)
