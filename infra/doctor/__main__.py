"""`python -m infra.doctor [--json]`: what `make doctor` runs; 0: no fault, 1: at least one."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence

import aiohttp
from pydantic import ValidationError

from infra.doctor import addresses, broker, clocks, databases, files, flow, keys, machine
from infra.doctor.finding import Check, Result, Seen, State, fault
from infra.doctor.limits import Limits
from infra.doctor.site import PATIENCE_HTTP, CannotLook, Site
from infra.stack.folder import Folder

CHECKS: tuple[Check, ...] = (
    Check("versions", machine.versions),
    Check("packages", machine.packages),
    Check("disk", machine.disk),
    Check("clock", clocks.clock),
    Check("processes", addresses.processes),
    Check("ports", addresses.ports),
    Check("migrations", databases.migrations),
    Check("directory", databases.directory),
    Check("topics", broker.topics),
    Check("rights", broker.rights),
    Check("certificates", keys.certificates),
    Check("lists", keys.revocation_lists),
    Check("jwks", keys.jwks),
    Check("outbox", databases.outbox),
    Check("lag", flow.lag),
    Check("parked", databases.parked),
    Check("signatures", flow.signatures),
    Check("examinations", flow.examinations),
    Check("dispatches", flow.dispatches),
    Check("lanes", flow.lanes),
    Check("heads", flow.heads),
    Check("blobs", files.blobs),
)
_LONGEST = 8.5
"""Seconds for one check; all are asked at once."""


async def examine(folder: Folder, limits: Limits, checks: Sequence[Check]) -> list[Result]:
    """Ask all checks at once; each is bounded, and whatever goes wrong in one is its finding."""
    times = aiohttp.ClientTimeout(total=PATIENCE_HTTP)
    async with aiohttp.ClientSession(timeout=times) as session:
        site = Site(folder, limits, session, folder.read("ports.json"))
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_ask(site, check)) for check in checks]
    return [task.result() for task in asked]


async def _ask(site: Site, check: Check) -> Result:
    try:
        async with asyncio.timeout(_LONGEST):
            return Result(check.name, await check.ask(site))
    except CannotLook as silent:
        finding = fault(f"cannot look: {silent}", silent.hint)
    except TimeoutError:
        finding = fault(f"cannot look: no answer in {_LONGEST:g} s", site.make("status"))
    except Exception as error:  # noqa: BLE001 (one check must not keep the others from speaking)
        finding = fault(f"cannot look: {error!r}", f"report it; {site.make('status')} meanwhile")
    return Result(check.name, Seen("", (finding,)))


def tell(results: Sequence[Result], seconds: float, *, as_json: bool) -> int:
    """Print what was found; return the exit status."""
    states = [result.state for result in results]
    faults, doubts = states.count(State.FAULT), states.count(State.DOUBT)
    if as_json:
        told = {
            "well": not faults,
            "seconds": round(seconds, 2),
            "checks": [result.as_json() for result in results],
        }
        print(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for result in results:
            print(result.line())
        well = states.count(State.WELL)
        print(
            f"DOCTOR checks={len(results)} well={well} doubts={doubts} faults={faults}"
            f" seconds={seconds:.1f}"
        )
    return 1 if faults else 0


def main() -> int:
    """Read the command line and examine the folder that LIENTHONG_RUN names."""
    parser = argparse.ArgumentParser(prog="python -m infra.doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args()
    try:
        limits = Limits()
    except ValidationError as error:
        for one in error.errors():
            print(f"DOCTOR_{one['loc'][0]}: {one['msg']}".upper(), file=sys.stderr)
        return 2
    began = time.monotonic()
    results = asyncio.run(examine(Folder.here(), limits, CHECKS))
    return tell(results, time.monotonic() - began, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
