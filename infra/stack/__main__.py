"""`python -m infra.stack up|down|status|…`: what the Makefile's targets call."""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys

from infra.stack.client import Client
from infra.stack.folder import PROCESSES, Folder
from infra.stack.trouble import Trouble


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start what does not run yet")
    up.add_argument("--only", default="", help=f"comma-separated, of {', '.join(PROCESSES)}")
    commands.add_parser("down", help="end everything")
    commands.add_parser("status", help="one line per process")
    commands.add_parser("supervise", help="be the supervisor (started by up)")
    for name, text in (
        ("kill", "kill a process with SIGKILL; HOLD=1 keeps it down"),
        ("start", "start a process that was held down; FAILPOINT=name[:n] for one life"),
        ("replace", "replace a service's instances one by one, with the code of now"),
        ("wait", "wait until a process is ready"),
        ("logs", "show a process's log"),
    ):
        commands.add_parser(name, help=text).add_argument("process", nargs="?", default="")
    scale = commands.add_parser("scale", help="run so many instances of a service")
    scale.add_argument("process")
    scale.add_argument("count", type=int)
    return parser


def _logs(folder: Folder, process: str) -> int:
    names = [process] if process else [name for name in PROCESSES if folder.log(name).exists()]
    follow = ["-F"] if sys.stdout.isatty() else []
    files = [str(folder.log(name)) for name in names]
    if not files or not folder.log(names[0]).exists():
        raise Trouble(f"there is no log of '{process}' in {folder.logs}", "make up")
    tail = shutil.which("tail") or "/usr/bin/tail"
    return subprocess.run([tail, "-n", "200", *follow, *files], check=False).returncode


def _do(given: argparse.Namespace, folder: Folder) -> int:
    if given.command == "supervise":
        from infra.stack.daemon import be_supervisor  # noqa: PLC0415 (loads all parts)

        return be_supervisor(folder)
    if given.command == "logs":
        return _logs(folder, given.process)
    client = Client(folder)
    simple = {"up": lambda: client.up(given.only), "down": client.down, "status": client.status}
    if given.command in simple:
        return asyncio.run(simple[given.command]())
    return _tell(client, given)


def _tell(client: Client, given: argparse.Namespace) -> int:
    if not given.process:
        raise Trouble("which process?", f"name one: P={' | '.join(PROCESSES)}")
    words: dict[str, object] = {"process": given.process}
    if given.command == "kill":
        hold = os.environ.get("HOLD", "") not in ("", "0")
        return asyncio.run(client.kill(given.process, hold=hold))
    if given.command == "scale":
        words["count"] = given.count
    return asyncio.run(client.tell(given.command, words))


def main() -> int:
    """Do what the command line says."""
    given = _parser().parse_args()
    try:
        return _do(given, Folder.here())
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was begun goes on (make status, make down)", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
