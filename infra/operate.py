"""`make parked|release|log-level`: what an operator does by the gateway's routes."""

import argparse
import asyncio
import sys
from typing import Any

import aiohttp

from infra.client import Client, Refused, Unreachable, connect, run_folder
from infra.stack.folder import SERVICES
from infra.stack.trouble import Trouble

_PATIENCE = 5.0
_LEVELS = ("debug", "info", "warning", "error")


async def listing(operator: Client) -> int:
    """Print everything parked, oldest first in each service; return how much it is."""
    count = 0
    for service in SERVICES:
        page: dict[str, Any] = (await operator.ask("GET", f"/v1/parked/{service}")).json()
        for one in page["items"]:
            count += 1
            cause = one["cause"] or "waits behind an earlier one of its key"
            trace = one["trace_id"] or "-"
            print(f"{service}/{one['id']}  {one['parked_at']}  {one['topic']}  trace={trace}")
            print(f"    {cause}")
    print(f"PARKED {count}")
    return count


async def release(operator: Client, name: str) -> None:
    """Let a parked record be tried again; `name` is as the listing shows it."""
    service, slash, item = name.partition("/")
    if service not in SERVICES or not slash or not item.replace("-", "").isalnum():
        raise Trouble(f"'{name}' names nothing parked", "make parked lists them: notify/record-7")
    await operator.ask("POST", f"/v1/parked/{service}/{item}/release")
    print(f"released {name}: it is tried again now; make parked shows it if it fails again")


async def speak(operator: Client, service: str, level: str) -> None:
    """Change from which level on one instance of a service speaks."""
    if service not in SERVICES or level not in _LEVELS:
        raise Trouble(
            f"'{service}' at '{level}'", f"P={'|'.join(SERVICES)} LEVEL={'|'.join(_LEVELS)}"
        )
    await operator.ask("PUT", f"/v1/log-level/{service}", body={"level": level})
    print(f"{service} speaks from {level} on, until it ends")


async def _do(given: argparse.Namespace) -> None:
    try:
        async with connect(run_folder(), ["operator"], patience=_PATIENCE) as systems:
            operator = systems["operator"]
            if given.log is not None:
                await speak(operator, given.log, given.level)
            elif given.release is None:
                await listing(operator)
            else:
                await release(operator, given.release)
    except FileNotFoundError as error:
        raise Trouble(f"no stack in {run_folder()}", "make up") from error
    except (Refused, Unreachable, aiohttp.ClientError) as error:
        raise Trouble(
            str(error), "make parked lists what there is; make doctor looks further"
        ) from error


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.operate", description=__doc__)
    parser.add_argument("--release", help="service and id: notify/record-7")
    parser.add_argument("--log", help="the service whose log shall speak otherwise")
    parser.add_argument("--level", default="", help=" | ".join(_LEVELS))
    try:
        asyncio.run(_do(parser.parse_args()))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
