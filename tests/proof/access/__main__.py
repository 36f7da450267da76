"""`make access`: prints `ACCESS pairs=… foreign_reads=0 existence_leaks=0`, and what it found."""

import asyncio
import sys

from tests.proof.access.trial import Extent, line, trial
from tests.proof.harness import Harness


def _say(text: str) -> None:
    print(text, flush=True)


async def _main() -> int:
    async with Harness.here().lent() as harness:
        found = await trial(harness, _say, Extent())
    for fault in found.faults:
        _say(f"  {fault}")
    _say(line(found))
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
