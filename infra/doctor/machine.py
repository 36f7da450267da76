"""The machine and what is installed: versions, packages as locked, room on the disks."""

import asyncio
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from infra.doctor import store
from infra.doctor.finding import Findings, Seen, doubt, fault
from infra.doctor.site import CannotLook, Site
from infra.kafka.jars import LOCK as KAFKA_LOCK
from infra.stack.folder import TREE
from infra.stack.java import java
from infra.stack.trouble import Trouble
from services.signing import landlock

OLDEST_PYTHON, OLDEST_POSTGRES, OLDEST_KAFKA = (3, 11), 17, 4
OLDEST_JAEGER = (1, 63)
"""Of its Go module, whose `cmd/jaeger` is Jaeger 2 from there on."""
_PACKAGES_LOCK = TREE / "requirements" / "dev.lock"
_JAEGER_MODULE = TREE / "infra" / "jaeger" / "go.mod"


async def versions(site: Site) -> Seen:
    """Python, PostgreSQL, Java, the kernel, and Kafka and Jaeger as their locks name them."""
    findings: Findings = []
    python = sys.version_info[:3]
    if python < OLDEST_PYTHON:
        findings.append(fault(f"Python {_dotted(python)}", "name 3.11 or later: make PYTHON=…"))
    try:
        await asyncio.to_thread(java)
    except Trouble as trouble:
        findings.append(fault(trouble.what, trouble.way_out))
    kafka, jaeger = kafka_version(), jaeger_version()
    if kafka[:1] < (OLDEST_KAFKA,):
        findings.append(fault(f"Kafka {_dotted(kafka)} is locked", "lock Kafka 4 or later"))
    if jaeger < OLDEST_JAEGER:
        text = f"infra/jaeger/go.mod names Jaeger's module {_dotted(jaeger)}"
        findings.append(fault(text, "name 1.63 or later: Jaeger 2"))
    number = await site.query("docs", store.server_version)
    postgres = (number // 10_000, number % 10_000)
    if postgres[0] < OLDEST_POSTGRES:
        findings.append(
            fault(
                f"PostgreSQL {_dotted(postgres)} lacks transaction_timeout",
                f"move its data to PostgreSQL {OLDEST_POSTGRES} or later (pg_upgrade)",
            )
        )
    facts = {"Python": python, "PostgreSQL": postgres, "Kafka": kafka}
    facts["Jaeger 2 (module)"] = jaeger
    said = ", ".join(f"{name} {_dotted(found)}" for name, found in facts.items())
    # What workers of signing may read: without it, all that the service may.
    return Seen(f"{said}, Landlock {landlock.version() or 'none'}", tuple(findings))


def kafka_version() -> tuple[int, ...]:
    """Return the version of the broker that the lock names."""
    jars: list[dict[str, str]] = tomllib.loads(KAFKA_LOCK.read_text())["dependencies"]
    broker = next(jar["version"] for jar in jars if jar["artifactId"].startswith("kafka_"))
    return _numbers(broker)


def jaeger_version() -> tuple[int, ...]:
    """Return the version of Jaeger that its module file names."""
    found = re.search(r"jaegertracing/jaeger v(\S+)", _JAEGER_MODULE.read_text())
    return _numbers(found[1]) if found else ()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers) or "of no known version"


async def packages(site: Site) -> Seen:
    """Every package that the lock names is installed in just that version."""
    del site
    return await asyncio.to_thread(_packages)


def _packages() -> Seen:
    wanted = list(_locked(_PACKAGES_LOCK))
    odd = [found for name, pinned in wanted if (found := _odd(name, pinned))]
    findings = [fault(found, "make setup installs what the lock names") for found in odd]
    return Seen(f"{len(wanted)} as locked", tuple(findings))


def _locked(lock: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of the packages of a lock that this platform needs."""
    for line in lock.read_text().splitlines():
        if line[:1] in ("", " ", "#") or "==" not in line:
            continue
        try:
            wanted = Requirement(line.removesuffix("\\").strip())
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate():
            yield wanted.name, next(iter(wanted.specifier)).version


def _odd(name: str, pinned: str) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} {pinned} is not installed"
    return "" if found == pinned else f"{name} is {found}, the lock says {pinned}"


async def disk(site: Site) -> Seen:
    """Room where the run folder, the files, PostgreSQL and Kafka lie."""
    return await asyncio.to_thread(_disk, site)


def _disk(site: Site) -> Seen:
    findings: Findings = []
    facts: list[str] = []
    limits = site.limits
    for names, place in _disks(site.folder.path).items():
        free = shutil.disk_usage(place).free >> 20
        rest = os.statvfs(place)
        facts.append(f"{names}: {free >> 10} GB free")
        hint = f"make room, or move the folder: {site.make('down')}; LIENTHONG_RUN=/… make up"
        if free < limits.disk_least_mb:
            findings.append(fault(f"{names}: {free} MB free of {limits.disk_least_mb} MB", hint))
        elif free < limits.disk_low_mb:
            findings.append(doubt(f"{names}: {free} MB free of {limits.disk_low_mb} MB", hint))
        if rest.f_files and rest.f_favail < rest.f_files // 100:
            findings.append(fault(f"{names}: {rest.f_favail} inodes are left", hint))
    return Seen(", ".join(facts), tuple(findings))


def _disks(run: Path) -> dict[str, Path]:
    """Return one place on each file system, by the names of what lies there."""
    places = {"run": run} | {name: run / name for name in ("blobs", "postgres", "kafka", "jaeger")}
    found: dict[int, list[str]] = {}
    for name, place in places.items():
        if place.exists():
            found.setdefault(place.stat().st_dev, []).append(name)
    if not found:
        raise CannotLook(f"there is no folder {run}", "make up")
    return {"+".join(names): places[names[0]] for names in found.values()}
