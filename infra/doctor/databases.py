"""What the services' databases say: migrations, the outbox, parked records, the directory."""

import asyncio
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from infra.doctor import store
from infra.doctor.finding import Finding, Findings, Seen, doubt, fault
from infra.doctor.site import Connection, Site
from infra.stack.folder import SERVICES, TREE
from shared import parking

if TYPE_CHECKING:
    from shared import db


async def migrations(site: Site) -> Seen:
    """What has run is what the files say, by name and checksum."""
    findings: Findings = []
    count = 0
    for service in SERVICES:
        files = await asyncio.to_thread(_files, service)
        ran = await site.query(service, store.migrations)
        findings.extend(_compared(site, service, files, ran))
        count += len(ran)
    return Seen(f"{count} applied in {len(SERVICES)} databases, as the files say", tuple(findings))


def _files(service: str) -> dict[str, bytes]:
    folders = {"shared": TREE / "shared", service: TREE / "services" / service}
    return {
        f"{owner}/{file.name}": hashlib.sha256(file.read_bytes()).digest()
        for owner, folder in folders.items()
        for file in sorted((folder / "migrations").glob("*.sql"))
    }


def _compared(
    site: Site, service: str, files: dict[str, bytes], ran: dict[str, bytes]
) -> Iterable[Finding]:
    restart = site.make(f"kill P={service}")
    for name in sorted(files.keys() - ran.keys()):
        yield fault(f"{service}: {name} has not run", f"{restart}: it migrates when it starts")
    for name in sorted(ran.keys() - files.keys()):
        text = f"{service}: {name} ran and is not in this code"
        yield fault(text, "the database is newer: run the code that made it")
    for name in sorted(files.keys() & ran.keys()):
        if files[name] != ran[name]:
            yield fault(
                f"{service}: {name} was changed after it ran",
                f"git log -- {_place(name)}; restore the file, write the change as a new one",
            )


def _place(name: str) -> str:
    owner, _, file = name.partition("/")
    return f"{'shared' if owner == 'shared' else f'services/{owner}'}/migrations/{file}"


async def outbox(site: Site) -> Seen:
    """No event waits long for Kafka."""
    findings: Findings = []
    oldest = 0.0
    for service in SERVICES:
        waiting = await site.query(service, store.unpublished)
        oldest = max([oldest, *(one.seconds for one in waiting)])
        findings += [
            fault(
                f"{service}: {one.rows} events for {one.topic} wait since {one.seconds:.0f} s",
                f"{site.make('provision')} if the topic or the right is missing;"
                f" {site.make(f'logs P={service}')} says what the relay meets",
            )
            for one in waiting
            if one.seconds > site.limits.outbox_seconds
        ]
    return Seen(f"the oldest event waits {oldest:.1f} s", tuple(findings))


async def parked(site: Site) -> Seen:
    """Nothing stands aside because it could not be handled or sent."""
    findings: Findings = []
    for service in SERVICES:
        for one in await site.query(service, _parked):
            if one.cause is None:
                continue  # it waits behind one that is shown
            trace = f", trace {one.trace_id}" if one.trace_id else ""
            findings.append(
                fault(
                    f"{service}/{one.id} of {one.topic}: {one.cause}{trace}",
                    f"mend the cause, then {site.make(f'release ID={service}/{one.id}')}",
                )
            )
    return Seen("none", tuple(findings))


async def _parked(conn: Connection) -> list[parking.Shown]:
    return await parking.listing(cast("db.Connection", conn))


async def directory(site: Site) -> Seen:
    """Every service knows the agencies as docs does."""
    version = await site.query("docs", store.directory_version)
    findings: Findings = []
    for service in SERVICES:
        if service == "docs":
            continue
        known = await site.query(service, store.known_version)
        if known < version:
            text = f"{service} knows version {known} of {version}"
            hint = f"it asks docs every 15 s; {site.make(f'logs P={service}')} says what it meets"
            findings.append(doubt(text, hint))
    return Seen(f"version {version} everywhere", tuple(findings))
