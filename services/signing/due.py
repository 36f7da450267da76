"""When revocation data is fetched next, from where, and whether it is to be taken (pure)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=5)
"""Between tries that fail."""
AT_LEAST_EVERY = timedelta(hours=1)
"""An authority that revokes in haste publishes ahead of time: half of a week is too late."""
_AT_MOST_EVERY = timedelta(seconds=30)
_AHEAD = timedelta(hours=1)
"""So long before a list ends that cannot be fetched its authority's answers take its place."""
_WITHOUT_END = timedelta(hours=1)
"""How long what names no end is taken to last."""
_JITTER = 0.2
_HALVES = 2
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
"""IPv4 addresses in a form that is no longer used (RFC 4291 2.5.5.1); `::1` is among them."""
Address = IPv4Address | IPv6Address


class Forbidden(Exception):  # noqa: N818 (what the address is)
    """An address from which nothing is fetched."""


class Refused(Exception):  # noqa: N818 (what becomes of the list)
    """Fetched data that is not taken; the text says why."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A list or an answer, as far as it decides when another one is wanted."""

    number: int
    this_update: datetime
    next_update: datetime | None


def host_of(address: str) -> str:
    """Return the host of an address that a trust list may name. Raises Forbidden."""
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise Forbidden(f"not an address: {error}") from None
    if not address.isascii() or not address.isprintable() or " " in address:
        raise Forbidden("not an address: printable ASCII without spaces")
    if parts.scheme not in ("http", "https"):
        raise Forbidden("http or https only")
    if not host:
        raise Forbidden("no host")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("names and passwords do not belong into it")
    if parts.fragment:
        raise Forbidden("a fragment does not belong into it")
    return host


def check_resolved(address: str, *, private: bool) -> None:
    """Check that a host's IP address is of the internet, or of a network that may be private.

    Raises Forbidden. Link-local addresses (where clouds keep their secrets) are never asked.
    """
    try:
        one = _inner(ip_address(address.partition("%")[0]))
    except ValueError:
        raise Forbidden("not an IP address") from None
    compatible = one in _COMPATIBLE and not one.is_loopback
    if one.is_link_local or one.is_multicast or one.is_unspecified or compatible:
        raise Forbidden(f"{one} is nobody's host")
    site = isinstance(one, IPv6Address) and one.is_site_local  # "global" to Python; RFC 3879
    if one.is_global and not site:
        return
    if not (private and (one.is_private or one.is_loopback or site)):
        raise Forbidden(f"{one} is not an address of the internet")


def _inner(one: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(one, IPv6Address):
        if one.ipv4_mapped is not None:
            return one.ipv4_mapped
        if one.sixtofour is not None:
            return one.sixtofour
        if any(one in network for network in _TRANSLATED):
            return IPv4Address(int(one) & 0xFFFF_FFFF)
    return one


def next_fetch(now: datetime, found: Dated, *, chance: float) -> datetime:
    """Return when to fetch next: at half of its life, and at least every hour.

    `chance` (0 to 1) spreads what many processes and authorities would do in one moment.
    """
    ends = found.next_update or found.this_update + _WITHOUT_END
    half = (ends - found.this_update) / _HALVES
    spread = 1 + _JITTER * (chance - 1)  # earlier, never later
    wanted = min(found.this_update + half * spread, now + AT_LEAST_EVERY * spread)
    return max(wanted, now + _AT_MOST_EVERY * (1 + chance))


def pause_after(failures: int, *, chance: float) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    pause = min(FIRST_PAUSE * 2 ** min(failures, 16), LONGEST_PAUSE)
    return pause * (1 + _JITTER * (chance - 1))


def is_newer(held: Dated | None, found: Dated, *, now: datetime, apart: timedelta) -> bool:
    """Say whether fetched data takes the place of what is held. Raises Refused."""
    if found.this_update > now + apart:
        raise Refused(f"it is of the future: {found.this_update:%Y-%m-%dT%H:%M:%SZ}")
    if found.next_update is not None and found.next_update <= now:
        raise Refused(f"it has ended: {found.next_update:%Y-%m-%dT%H:%M:%SZ}")
    if held is None:
        return True
    if (found.number, found.this_update) == (held.number, held.this_update):
        return False
    if found.number < held.number or found.this_update < held.this_update:
        raise Refused(
            f"older than what is held: number {found.number} of"
            f" {found.this_update:%Y-%m-%dT%H:%M:%SZ}, held {held.number} of"
            f" {held.this_update:%Y-%m-%dT%H:%M:%SZ}"
        )
    if found.number == held.number:
        raise Refused(f"two lists with the number {found.number}")
    return True


def is_missed(newest: Dated | None, *, failing: bool, now: datetime, oldest: timedelta) -> bool:
    """Say whether a list cannot be had: it has ended, or ends soon and fetching fails.

    `oldest`: for how long after it was issued a list tells of certificates by the policy. One that
    was never fetched is waited for until that has failed.
    """
    if newest is None:
        return failing
    ends = min(newest.next_update or newest.this_update, newest.this_update + oldest)
    return ends <= now + (_AHEAD if failing else timedelta())
