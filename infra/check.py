"""`python -m infra.check lint|test`: what `make lint` and `make test` run."""

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from infra.stack.folder import TREE

_BIN = Path(sys.executable).parent


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
    """Run the tests on a stack of their own, and end it afterwards (KEEP=1 leaves it)."""
    run = os.environ.get("LIENTHONG_RUN") or str(TREE / ".run-test")
    env = {**os.environ, "LIENTHONG_RUN": run}
    command = [sys.executable, "-m", "pytest", *shlex.split(words)]
    status = subprocess.run(command, cwd=TREE, env=env, check=False).returncode
    if os.environ.get("KEEP", "") in ("", "0"):
        subprocess.run(
            [sys.executable, "-m", "infra.stack", "down"], cwd=TREE, env=env, check=False
        )
    return status


def main() -> int:
    """Run the one or the other."""
    parser = argparse.ArgumentParser(prog="python -m infra.check", description=__doc__)
    parser.add_argument("what", choices=["lint", "test"])
    parser.add_argument("words", nargs="?", default="", help="for pytest: paths and options")
    given = parser.parse_args()
    return _lint() if given.what == "lint" else _test(given.words)


if __name__ == "__main__":
    sys.exit(main())
