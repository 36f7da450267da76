"""What `make roll` runs: a copy of the checkout is upgraded under load, instance by instance.

An answer that a client had to ask for again is an error. KEEP=1 leaves the stack running.
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.proof.checker import Counts, line
from tests.proof.harness import Harness, NotDone, fresh, proof_run
from tests.proof.journal import lines
from tests.proof.records import SEEN
from tests.proof.roll import upgrade
from tests.proof.seeded import copy
from tests.proof.session import Plan, Session, proving, settle

SERVICES = ("docs", "signing", "notify", "gateway")
INSTANCES = 2
VERSIONS: dict[str, Callable[[Path], None]] = {
    "a migration that expands": upgrade.expand,
    "a migration that contracts": upgrade.contract,
}
_BETWEEN = 10
"""Documents that are accepted before, between and after replacements."""
_PLAN = Plan(rate=2.0, workers=2, extras=False)


async def roll(harness: Harness, session: Session) -> int:
    """Upgrade twice; return how many instances were replaced."""
    restarts = 0
    await session.until_accepted(_BETWEEN)
    for name, change in VERSIONS.items():
        print(f"  the next version: {name}", flush=True)
        change(harness.tree)
        for service in SERVICES:
            began = time.monotonic()
            await harness.replace(service)
            restarts += INSTANCES
            took = time.monotonic() - began
            await session.until_accepted(_BETWEEN)
            print(
                f"  {service}: {INSTANCES} replaced in {took:.0f} s;"
                f" {session.accepted} accepted, {errors(session)} errors so far",
                flush=True,
            )
    return restarts


def errors(session: Session) -> int:
    """Return how many errors the clients have met since the beginning."""
    return sum(session.troubles.values())


def met_by_readers(journal: Path) -> Counter[str]:
    """Return what readers met: streams ended or not given, waits cut short, refusals."""
    return Counter(
        f"{one.get('kind', 'received')}: {one['why']}"
        for one in lines(journal / SEEN)
        if one["e"] in {"trouble", "refused"}
    )


def unacknowledged(counts: Counts) -> Counter[str]:
    """Return how many documents were handed in and not acknowledged, refused ones included."""
    return +Counter({"documents handed in and not acknowledged": counts.docs - counts.acked})


async def _rolled(harness: Harness, journal: Path) -> tuple[int, Counter[str], Counts]:
    await harness.up()
    for service in SERVICES:
        await harness.scale(service, INSTANCES)
    print(f"  {INSTANCES} instances of each service run; the load begins", flush=True)
    async with proving(harness, _PLAN, journal) as session:
        restarts = await roll(harness, session)
        seen = Counter(session.troubles)
    print("  waits for quiet and counts", flush=True)
    counts = await settle(harness, journal)
    return restarts, seen + met_by_readers(journal) + unacknowledged(counts), counts


async def _run(folder: Path) -> int:
    os.environ.pop("LIENTHONG_RUN", None)  # the copy has a stack of its own
    harness = Harness(folder / "stack", folder / "tree")
    copy.fill(harness.tree)
    try:
        restarts, seen, counts = await _rolled(harness, folder / "journal")
    finally:
        if os.environ.get("KEEP", "") in ("", "0"):
            await harness.down()
    for word in [*(f"{count} x {what}" for what, count in seen.items()), *counts.findings]:
        print(f"  {word}")
    print(f"ROLL restarts={restarts} errors_seen_by_client={sum(seen.values())}")
    print(line(counts))
    return 1 if seen or not counts.clean else 0


def main() -> int:
    """Roll, count and print."""
    folder = proof_run() / "roll"
    fresh(folder)  # an upgrade cannot be gone on with from the middle
    try:
        return asyncio.run(_run(folder))
    except (NotDone, upgrade.DoesNotFit) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
