"""Makes `.venv` from the hashed locks with nothing but a bare Python, unless it is there."""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 11)
TREE = Path(__file__).resolve().parents[1]
VENV = TREE / ".venv"
LOCKS = (TREE / "requirements" / "bootstrap.lock", TREE / "requirements" / "dev.lock")
STAMP = VENV / "lienthong.stamp"
PYTHON = VENV / "bin" / "python"
SYNC = ("pip", "sync", "-q", "--compile-bytecode", "--require-hashes")
CODE = ("shared", "services", "infra")
"""Compiled beforehand: a service may run as a user who cannot write here, and would compile
a third of what it does at each start."""
COMMAND = """#!/bin/sh
tree=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$tree" exec "$tree/.venv/bin/python" -m services.signing.cli "$@"
"""
"""`lienthong`: the tree is used where it lies, nothing of it is installed."""


def main() -> int:
    """Set the project up, or say what keeps it from being set up."""
    if sys.version_info < OLDEST:
        return _stop(
            f"Python {sys.version.split()[0]} is too old, {OLDEST[0]}.{OLDEST[1]} is the oldest",
            "name a newer one: make PYTHON=python3.12 …",
        )
    _compile()
    if _is_current():
        return 0
    began = time.monotonic()
    print("setup: makes .venv and installs the locked packages (once, about a minute)", flush=True)
    fault = _make_venv() or _install()
    if fault:
        return _stop(*fault)
    _write_command()
    STAMP.write_text(_fingerprint())
    print(f"setup: done in {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {TREE} {SYNC} {COMMAND}".encode())
    for lock in LOCKS:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def _is_current() -> bool:
    try:
        return STAMP.read_text() == _fingerprint() and PYTHON.exists()
    except FileNotFoundError:
        return False


def _make_venv() -> "tuple[str, str] | None":
    """Make the environment; return what is wrong and the way out if it cannot be made."""
    STAMP.unlink(missing_ok=True)
    if _works([PYTHON, "-m", "pip", "--version"]) or _works([VENV / "bin" / "uv", "--version"]):
        return None  # an earlier start came to here
    shutil.rmtree(VENV, ignore_errors=True)
    if _works([sys.executable, "-c", "import ensurepip, venv"]):
        return _run([sys.executable, "-m", "venv", VENV], "python3 -m venv")
    # Debian leaves ensurepip out of its Python; a pip or uv outside the environment does as well.
    if _works([sys.executable, "-m", "pip", "--version"]):
        fault = _run([sys.executable, "-m", "venv", "--without-pip", VENV], "python3 -m venv")
        pip = [sys.executable, "-m", "pip", "--python", PYTHON, "install", "-q"]
        return fault or _run([*pip, "--require-hashes", "-r", LOCKS[0]], "pip install uv")
    if uv := shutil.which("uv"):
        return _run([uv, "venv", "--python", sys.executable, VENV], "uv venv")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    without = "a Python that has it (make PYTHON=…), or pip or uv on PATH"
    return (
        f"this Python cannot make environments: ensurepip is missing ({sys.executable})",
        f"with root: apt install python{version}-venv; without: {without}",
    )


def _install() -> "tuple[str, str] | None":
    """Install exactly what the locks name, each file checked by its hash."""
    uv: Path | str | None = VENV / "bin" / "uv"
    if not _works([VENV / "bin" / "uv", "--version"]):
        uv = shutil.which("uv")
        if _works([PYTHON, "-m", "pip", "--version"]):
            pip = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            fault = _run([*pip, "--require-hashes", "-r", LOCKS[0]], "pip install uv")
            if fault:
                return fault
            uv = VENV / "bin" / "uv"
    if uv is None:
        return (
            "neither pip nor uv is in .venv",
            "remove .venv and try again: rm -r .venv; make setup",
        )
    return _run([uv, *SYNC, "--python", PYTHON, LOCKS[1]], "uv pip sync requirements/dev.lock")


def _compile() -> None:
    """Compile what has changed; where that cannot be written it is compiled at each start."""
    for folder in CODE:
        compileall.compile_dir(TREE / folder, quiet=2)


def _write_command() -> None:
    """Put the command `lienthong` beside the environment's Python."""
    path = VENV / "bin" / "lienthong"
    path.write_text(COMMAND)
    path.chmod(0o755)


def _works(command: "list[str | Path]") -> bool:
    try:
        done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def _run(command: "list[str | Path]", what: str) -> "tuple[str, str] | None":
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env=env)
    if done.returncode == 0:
        return None
    free = shutil.disk_usage(TREE).free >> 20
    return (
        f"{what} ended with status {done.returncode} (its words are above; {free} MB are free)",
        "check the network and the room on the disk (2 GB), then: make setup",
    )


def _stop(what: str, way_out: str) -> int:
    print(f"{what}\n  → {way_out}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
