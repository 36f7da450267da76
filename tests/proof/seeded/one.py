"""One seeded bug: a copy is started, loaded, broken and counted; the count must be red.

The control is a copy without a bug, whose count must be clean.
"""

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

_QUIET_SECONDS, _QUIET_OF_CONTROL = 30.0, 120.0
"""How long quiet is waited for: a bug may keep it away for ever, and shows all the same."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker said of a bug."""

    bug: Bug
    counts: Counts
    seconds: float

    @property
    def good(self) -> bool:
        """Say whether the count is as it has to be."""
        return self.bug.shown(self.counts)

    def words(self) -> str:
        """Return it as a line."""
        said = f"{self.bug.name}: {self.bug.word(shown=self.good)}"
        return f"{said} in {self.seconds:.0f} s: {line(self.counts)}"


async def try_out(bug: Bug, folder: Path, pki: Path) -> Verdict:
    """Run a bug in a folder of its own, with keys and certificates that are made already.

    Raises DoesNotApply, NotDone and what the session does.
    """
    began = time.monotonic()
    control = not bug.shows_as
    if control:
        copy.fill(folder / "tree")
    else:
        copy.make(copy.patch(bug.name), folder / "tree")
    shutil.copytree(pki, folder / "stack" / "pki")
    harness = Harness(folder / "stack", folder / "tree")
    async with _standing(harness):
        async with proving(harness, bug.plan, folder / "journal") as session:
            await bug.inflict(harness, session)
        quiet = _QUIET_OF_CONTROL if control else _QUIET_SECONDS
        counts = await settle(harness, folder / "journal", quiet)
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
