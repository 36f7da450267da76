"""One seeded bug: a copy is started, loaded, broken and counted; the count must be red."""

import os
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.proof.checker import Counts, line
from tests.proof.harness import Harness
from tests.proof.seeded import copy
from tests.proof.seeded.bugs import Bug
from tests.proof.session import proving, settle

_QUIET_SECONDS = 30.0
"""How long quiet is waited for: what is stuck is one of the ways in which a bug shows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker said of a bug."""

    bug: Bug
    counts: Counts
    seconds: float

    @property
    def caught(self) -> bool:
        """Say whether the count is red for the reason that the bug is there for."""
        return any(getattr(self.counts, name) for name in self.bug.shows_as)

    def words(self) -> str:
        """Return it as a line, with the first findings when it was not caught."""
        said = f"{self.bug.name}: {'caught' if self.caught else 'NOT CAUGHT'}"
        return f"{said} in {self.seconds:.0f} s: {line(self.counts)}"


async def try_out(bug: Bug, folder: Path, pki: Path) -> Verdict:
    """Run a bug in a folder of its own, with keys and certificates that are made already.

    Raises DoesNotApply, NotDone and what the session does.
    """
    began = time.monotonic()
    copy.make(copy.patch(bug.name), folder / "tree")
    shutil.copytree(pki, folder / "stack" / "pki")
    harness = Harness(folder / "stack", folder / "tree")
    async with _standing(harness):
        async with proving(harness, bug.plan, folder / "journal") as session:
            await bug.inflict(harness, session)
        counts = await settle(harness, folder / "journal", _QUIET_SECONDS)
    return Verdict(bug, counts, time.monotonic() - began)


@asynccontextmanager
async def _standing(harness: Harness) -> AsyncGenerator[None]:
    # What this process was started under must not lead the copy to another stack.
    os.environ.pop("LIENTHONG_RUN", None)
    try:
        await harness.up()
        yield
    finally:
        await harness.down()
