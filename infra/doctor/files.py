"""Files: what docs has taken lies on the disk, and what else lies there."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from infra.doctor import store
from infra.doctor.finding import Findings, Seen, fault
from infra.doctor.site import Site
from shared.blobs import intact

_SIZE = 64


async def blobs(site: Site) -> Seen:
    """A file without its row is only space; a row without its file is a loss."""
    known = await site.query("docs", store.stored_files)
    there = await asyncio.to_thread(lambda: set(_files(site.folder.path / "blobs")))
    findings: Findings = []
    if lost := sorted(known - there):
        text = f"{len(lost)} files are not on the disk, the first one {lost[0]}"
        hint = f"bring {site.folder.path / 'blobs'} back from the backup; nothing here deletes"
        findings.append(fault(text, hint))
    if bad := await asyncio.to_thread(lambda: _not_intact(site.folder.path / "blobs")):
        text = f"{len(bad)} files are not what they were, the first one {bad[0]}: none is served"
        hint = f"bring them back from the backup; {site.make('audit')} looks at all of them"
        findings.append(fault(text, hint))
    orphans = len(there - known)
    return Seen(f"{len(known)} known, all there; {orphans} more on the disk", tuple(findings))


def _files(root: Path) -> Iterator[str]:
    """Yield the digests that name files below `root` (two folders deep)."""
    for _, _, names in os.walk(root):
        yield from (name for name in names if len(name) == _SIZE)


def _not_intact(root: Path) -> list[str]:
    """Return what a service has marked as corrupt, when it met it, and still is so."""
    marked = sorted(mark.stem for mark in (root / "corrupt").glob("*.mark"))
    return [one for one in marked if not intact(root / one[:2] / one[2:4] / one)]
