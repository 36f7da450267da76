"""`python -m infra.restore backup|restore|list`: what `make backup` and `make restore` run."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import asyncpg

from infra.postgres.archive import Archive
from infra.restore.base import bases, make
from infra.restore.goal import LATEST
from infra.restore.lock import alone
from infra.restore.restore import list_remnants, restore
from infra.restore.signals import interruptible
from infra.restore.tools import megabytes
from infra.stack.folder import SERVICES, Folder
from infra.stack.postgres import Postgres
from infra.stack.trouble import Trouble


async def _backup(folder: Folder, archive: Archive, port: str) -> None:
    began = time.monotonic()
    with alone(archive, "make backup"):
        base = await make(folder, archive, port)
    print(
        f"BACKUP name={base.name} size={megabytes(archive.bases / base.name).replace(' ', '')}"
        f" log={megabytes(archive.log).replace(' ', '')} kept={len(bases(archive))}"
        f" seconds={time.monotonic() - began:.1f}"
    )


async def _restore(folder: Folder, archive: Archive, port: str, service: str, to: str) -> None:
    began = time.monotonic()
    with alone(archive, f"make restore SERVICE={service}"):
        done = await restore(folder, archive, port, service, to)
    print(
        f"RESTORED service={done.service} to={done.goal.replace(' ', '_')} from={done.base}"
        f" down_s={done.down_s:.1f} recovering_s={done.recovering_s:.1f}"
        f" known_in_part={len(done.remnants)} replaced={done.replaced}"
        f" seconds={time.monotonic() - began:.1f}"
    )


async def _list(folder: Folder, port: str) -> None:
    for service in SERVICES:
        print(f"{service}:")
        found = await list_remnants(folder, port, service)
        print(f"  KNOWN_IN_PART {len(found)}")


def _work(given: argparse.Namespace, folder: Folder) -> Callable[[], Awaitable[None]]:
    port = str(folder.read("ports.json").get("postgres") or "")
    if not port:
        raise Trouble(f"no stack in {folder.path}", f"{folder.hint('')} make up".strip())
    archive = Postgres(folder, 0).archive
    if given.command == "backup":
        return lambda: _backup(folder, archive, port)
    if given.command == "list":
        return lambda: _list(folder, port)
    if given.service not in SERVICES:
        raise Trouble(f"'{given.service}' is no service", f"SERVICE={'|'.join(SERVICES)}")
    if not given.to:
        names = ", ".join(base.name for base in bases(archive)) or "none"
        raise Trouble("to which point?", f"TO=a time, {LATEST}, or a backup: {names}")
    return lambda: _restore(folder, archive, port, given.service, given.to)


async def _told(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise Trouble(f"PostgreSQL: {error or type(error).__name__}", "make status") from error


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m infra.restore", description=__doc__)
    parser.add_argument("command", choices=["backup", "restore", "list"])
    parser.add_argument("--service", default="")
    parser.add_argument("--to", default="")
    try:
        asyncio.run(interruptible(_told(_work(parser.parse_args(), Folder.here()))))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("interrupted; make status shows whether the service runs", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
