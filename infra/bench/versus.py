"""Two processes that work on the same papers in turn: the judge, and bare library calls."""

import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from infra.bench.judged import Json
from infra.bench.judging import MATERIALS
from infra.stack.folder import TREE
from services.signing.validation.material import Material

Given = tuple[Path, bytes | None]
"""A file, and its signature where that does not stand in it."""


def pairs(given: Sequence[Given], trusted: Material, count: int) -> Json:
    """Judge each file, and do both floors with it: seconds of CPU of each, and the judge's own.

    One after the other, another one first in turn: what else the machine does meets all alike.
    """
    found: dict[str, list[float]] = {"judge": [], "library": [], "crypto": [], "clock": []}
    line = told(given, trusted)
    with _process("judging", line) as judge, _process("bare", line) as bare:
        ways = {"judge": judge, "library": bare, "crypto": bare}
        order = list(ways)
        for number in range(count):
            turn = number % len(order)
            for what in chain(order[turn:], order[:turn]):
                used, passed = ways[what].ask(what, number % len(given))
                found[what].append(used)
                if what == "judge":
                    found["clock"].append(passed)
    return found


def cold(given: Sequence[Given], trusted: Material, count: int) -> Json:
    """Return seconds of CPU of reading the trust, of a first file and of the next one."""
    line = told(given, trusted, cold=count) + "\n"
    done = subprocess.run(
        _command("judging"), input=line, capture_output=True, text=True, check=False, cwd=TREE
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def told(given: Sequence[Given], trusted: Material, *, cold: int = 0) -> str:
    """Return what such a process is told first."""
    words: dict[str, Any] = {
        "papers": [(str(path), (signature or b"").hex()) for path, signature in given],
        "material": json.loads(MATERIALS.dump_json(trusted)),
        "cold": cold,
    }
    return json.dumps(words)


class _Asked:
    """A process that answers line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def say(self, line: str) -> str:
        """Say a line and return the answer. Raises RuntimeError when there is none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("a process without pipes")
        stdin.write(f"{line}\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError("a process that measures has ended; its own words stand above")
        return answer

    def ask(self, what: str, number: int) -> tuple[float, float]:
        """Have it work on one paper; return seconds of CPU, and seconds."""
        used, passed = self.say(f"{what} {number}").split()
        return float(used), float(passed)


@contextmanager
def _process(module: str, first: str) -> Generator[_Asked]:
    """Start a process and wait until it is warm; it ends with the `with`."""
    pipe = subprocess.PIPE
    with subprocess.Popen(_command(module), stdin=pipe, stdout=pipe, text=True, cwd=TREE) as one:
        asked = _Asked(one)
        asked.say(first)
        yield asked


def _command(module: str) -> list[str]:
    return [sys.executable, "-m", f"infra.bench.{module}"]
