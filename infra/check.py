"""`python -m infra.check lint|test`: what `make lint` and `make test` run."""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from infra.stack.folder import TREE

_BIN = Path(sys.executable).parent
_SLOWEST = "--durations=20"
"""Both halves name what took longest: together they are most of a check's time."""


def _migrations() -> list[str]:
    files = [*TREE.glob("shared/migrations/*.sql"), *TREE.glob("services/*/migrations/*.sql")]
    return [str(file.relative_to(TREE)) for file in sorted(files)]


def _lint() -> int:
    """Run every check, also after one has failed; return 1 if any has."""
    checks: dict[str, list[str | Path]] = {
        "ruff": [_BIN / "ruff", "check"],
        "format": [_BIN / "ruff", "format", "--check"],
        "types": [_BIN / "basedpyright"],
        "imports": [_BIN / "lint-imports"],
        "migrations": [_BIN / "squawk", *_migrations()],
        "structure": [sys.executable, "-m", "pytest", "-q", "tests/structure"],
    }
    failed = [name for name, command in checks.items() if _took(name, command) != 0]
    print(f"lint: {'not clean: ' + ', '.join(failed) if failed else 'clean'}")
    return 1 if failed else 0


def _took(name: str, command: "list[str | Path]") -> int:
    began = time.monotonic()
    status = subprocess.run(command, cwd=TREE, check=False, stdin=subprocess.DEVNULL).returncode
    print(f"  {name}: {time.monotonic() - began:.0f} s, status {status}", flush=True)
    return status


def _test(words: str) -> int:
    """Run the tests on stacks of their own, and end those afterwards (KEEP=1 leaves them).

    All tests but the structure's, which `make lint` runs: those of the whole stack, which kill its
    processes, beside those of the parts, which have a PostgreSQL and a Kafka of their own.
    """
    run = os.environ.get("LIENTHONG_RUN") or str(TREE / ".run-test")
    if words:
        return _first_bad(_pytest(run, shlex.split(words)).wait(), _end(run))
    parts = f"{run}-parts"
    with tempfile.TemporaryFile("w+") as told:
        how = ["--ignore=tests/structure", "-n", "3", "--dist", "loadfile", _SLOWEST]
        beside = _pytest(parts, ["-m", "not stack and not tools", *how], output=told)
        whole = _pytest(run, ["-m", "stack", _SLOWEST]).wait()
        status = beside.wait()
        told.seek(0)
        print(told.read(), flush=True)
    return _first_bad(whole, status, _end(run), _end(parts))


def _first_bad(*statuses: int) -> int:
    return next((status for status in statuses if status != 0), 0)


def _pytest(
    run: str, words: Sequence[str], *, output: IO[str] | None = None
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "pytest", *words]
    env = {**os.environ, "LIENTHONG_RUN": run}
    return subprocess.Popen(
        command, cwd=TREE, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )


def _end(run: str) -> int:
    if os.environ.get("KEEP", "") not in ("", "0"):
        return 0
    env = {**os.environ, "LIENTHONG_RUN": run}
    command = [sys.executable, "-m", "infra.stack", "down"]
    return subprocess.run(command, cwd=TREE, env=env, check=False).returncode


def main() -> int:
    """Run the one or the other."""
    parser = argparse.ArgumentParser(prog="python -m infra.check", description=__doc__)
    parser.add_argument("what", choices=["lint", "test"])
    parser.add_argument("words", nargs="?", default="", help="for pytest: paths and options")
    given = parser.parse_args()
    return _lint() if given.what == "lint" else _test(given.words)


if __name__ == "__main__":
    sys.exit(main())
