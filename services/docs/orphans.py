"""Stored files that no document names, which are only counted, and those that are not intact."""

import asyncio
import time

from services.docs.store import documents
from shared.blobs import BlobStore
from shared.db import Database
from shared.errors import Unavailable

EVERY_SECONDS = 3600.0
_REST = 9
"""Times as long as it has looked into a folder, before it looks into the next one."""


class Orphans:
    """What the last count has found; nothing is ever deleted in this release (protocol.md 4)."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        """Count nothing yet."""
        self._db, self._blobs = db, blobs
        self._found: int | None = None
        self._there: int | None = None
        """Files of a walk that were not compared with the table yet."""
        self._due = 0.0

    async def due(self) -> bool:
        """Count them anew if an hour has passed: a walk over the folders, a pass over the table.

        Files first: what comes in meanwhile is known and not counted, so it is no orphan. Raises
        Unavailable while the files, or the table, cannot be read.
        """
        if time.monotonic() < self._due:
            return False
        if self._there is None:
            self._there = await self._walk()
        known = await self._db.as_worker(documents.count_files)  # may not answer: no walk anew
        self._found, self._there = max(self._there - known, 0), None
        self._due = time.monotonic() + EVERY_SECONDS
        return False

    async def _walk(self) -> int:
        """Count the files, resting for most of the time: nobody waits for that."""
        there = 0
        for folder in await asyncio.to_thread(self._blobs.folders):
            began = time.monotonic()
            there += await asyncio.to_thread(self._blobs.count, folder)
            await asyncio.sleep(_REST * (time.monotonic() - began))
        return there

    async def corrupt(self) -> float:
        """Count the files that were found to be others, gauge `lienthong_blobs_corrupt`.

        Each is looked at again: what was brought back from a backup counts no more.
        """
        return float(len(await asyncio.to_thread(self._blobs.corrupt)))

    async def count(self) -> float:
        """Return the last count, gauge `lienthong_blobs_orphaned`.

        Raises Unavailable before the first.
        """
        if self._found is None:
            raise Unavailable("the count of files")
        return self._found
