"""`python -m infra.failpoints`: lists where a service can be told to kill itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from infra.stack.folder import TREE

_REACH = re.compile(r"""\breach\(\s*["']([^"']+)["']\s*\)""")

_EVERY = ("gateway", "docs", "signing", "notify")
_BEHIND = ("docs", "signing", "notify")
_SHARED: Mapping[str, tuple[str, ...]] = {
    "blobs": ("docs", "signing"),
    "consumer": _EVERY,
    "database": _EVERY,
    # A compacted topic is told again as a whole; docs and the gateway write one, and the latter
    # nothing else.
    "healing.records": _BEHIND,
    "healing.topic": ("docs", "gateway"),
    "http": _EVERY,
    "internal": _EVERY,
    "relay": _EVERY,
}
"""By how a point in `shared/` begins: the services that pass it."""

DRIVERS = frozenset(
    {
        "load",
        "draft",
        "signature",
        "status",
        "subscription",
        "agency",
        "client",
        "certificate",
        "trust",
        "truncate",
        "wipe",
    }
)
"""What makes a service pass a point: documents that are sent and received, a request of another
kind beside them, or a topic that is damaged."""

_DRIVEN: Mapping[str, str] = {
    "docs.accept.file_attached": "draft",
    "docs.dispatch.": "draft",
    "docs.sign.": "signature",
    "docs.upload.": "draft",
    "healing.records_set_back": "truncate",
    "healing.topic_set_back": "wipe",
    "notify.status.": "status",
    "notify.subscription.": "subscription",
    "signing.distrust.": "trust",
    "signing.fetch.": "trust",
    "signing.list.": "certificate",
    "signing.revoked.": "certificate",
    "signing.sign.": "signature",
    "signing.trust.": "trust",
    "signing.withdrawals_": "trust",
}
"""By how a point begins: what has to be done for it to be passed, beside ordinary load."""
_APART: Mapping[str, Mapping[str, str]] = {
    "blobs": {"signing": "signature"},
    "consumer": {"gateway": "agency"},
    "http.before": {"signing": "certificate"},
    "http.body": {"docs": "draft", "signing": "certificate"},
    "relay": {"gateway": "client"},
}
"""The same for single services that pass a point where the others' driver does not bring them."""


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A place where a service can be told to die."""

    name: str
    services: tuple[str, ...]
    """Which pass it."""
    driver: str
    """One of `DRIVERS`."""
    apart: Mapping[str, str]
    """By service: another of them, for who is not brought there by that one."""
    place: str
    """File and line."""


def failpoints() -> list[tuple[str, str]]:
    """Return each fail point's name and the file and line where it stands."""
    found: list[tuple[str, str]] = []
    for file in sorted([*TREE.glob("services/**/*.py"), *TREE.glob("shared/**/*.py")]):
        text = file.read_text(encoding="utf-8")
        for match in _REACH.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((match[1], f"{file.relative_to(TREE)}:{line}"))
    return sorted(found)


def described() -> list[Failpoint]:
    """Return the fail points with who passes them, and what makes him."""
    return [
        Failpoint(name, _services(name, place), _driver(name), _apart(name), place)
        for name, place in failpoints()
    ]


def _services(name: str, place: str) -> tuple[str, ...]:
    package, service = place.split("/")[:2]
    if package == "services":
        return (service,)
    return next(passing for start, passing in _SHARED.items() if name.startswith(start))


def _driver(name: str) -> str:
    return next((what for start, what in _DRIVEN.items() if name.startswith(start)), "load")


def _apart(name: str) -> Mapping[str, str]:
    found = (some for start, some in _APART.items() if name.startswith(start))
    return next(found, dict[str, str]())


def main() -> None:
    """Print them: name, services that pass it, what makes them, and where it stands.

    What makes them: one word for all, behind it `service=word` for each that needs another.
    """
    for one in described():
        drivers = ",".join([one.driver, *(f"{who}={what}" for who, what in one.apart.items())])
        print(f"{one.name:<36} {','.join(one.services):<28} {drivers:<36} {one.place}")


if __name__ == "__main__":
    main()
