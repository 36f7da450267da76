"""Stored files that no document names, which are only counted, and those that are not intact."""

import asyncio
import time

from services.docs.store import documents
from shared.blobs import BlobStore
from shared.db import Database
from shared.errors import Unavailable

EVERY_SECONDS = 3600.0


class Orphans:
    """What the last count has found; nothing is ever deleted in this release (protocol.md 4)."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        """Count nothing yet."""
        self._db, self._blobs = db, blobs
        self._found: int | None = None
        self._due = 0.0

    async def due(self) -> bool:
        """Count them anew if an hour has passed: a walk over the folders, a pass over the table.

        Files first: what comes in meanwhile is known and not counted, so it is no orphan.
        """
        if time.monotonic() < self._due:
            return False
        there = await asyncio.to_thread(self._blobs.count)
        known = await self._db.as_worker(documents.count_files)
        self._found = max(there - known, 0)
        self._due = time.monotonic() + EVERY_SECONDS
        return False

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
