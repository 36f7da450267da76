"""`make forge`: prints `FORGE tokens=… routes=… accepted=0`, and each forgery that came in."""

import asyncio
import sys

from tests.proof.forge.trial import trial
from tests.proof.harness import Harness


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _main() -> int:
    async with Harness.here().lent() as harness:
        outcome = await trial(harness, _say)
    for fault in outcome.faults:
        _say(f"  {fault}")
    _say(outcome.line())
    return 1 if outcome.faults or outcome.accepted else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
