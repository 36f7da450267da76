"""Repeats every verdict from its evidence alone, in a process without network and without files.

`python -m tests.conformance.replay` is that process: it reads what to repeat on standard input.
"""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from services.signing import hexstring, sandbox
from services.signing.again import repeat
from services.signing.evidence import Subject, pieces, written
from services.signing.validation.material import digest
from tests.conformance.case import Case
from tests.conformance.judging import examined, material

_LENGTH_BYTES = 8
_MEMORY = 1 << 30
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Stored:
    """A verdict as it is stored, with the file."""

    evidence: bytes
    kept: dict[str, bytes]
    content: bytes


def stored(case: Case) -> Stored:
    """Judge a case as signing does, and return what it would keep."""
    known = material(case)
    detached = None if case.content is None else case.file
    content = case.file if case.content is None else case.content
    finding, verdict = examined(case, known)
    subject = Subject(_NOBODY, _NOBODY, case.name, case.sender, digest(content), case.role)
    evidence, _ = written(subject, verdict, finding, case.registered, known, detached=detached)
    kept = {one.sha256: one.content for one in pieces(known, finding, detached)}
    return Stored(evidence, kept, content)


class Repeater:
    """The other process."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        """Use its pipes."""
        self._requests, self._answers = requests, answers

    def differences(self, one: Stored) -> tuple[str, ...]:
        """Return what came out otherwise than it was stored."""
        _send(self._requests, one)
        return _receive(self._answers)


@contextmanager
def repeater() -> Generator[Repeater]:
    """Start the other process for the length of a `with`."""
    command = [sys.executable, "-m", "tests.conformance.replay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        yield Repeater(process.stdin, process.stdout)
        process.stdin.close()


def main() -> None:
    """Repeat verdicts until standard input closes."""
    hexstring.install()
    # Loaded while it may be read: what comes is of this module by its name.
    importlib.import_module("tests.conformance.replay")
    # No socket can be opened from here on, no file be written, nothing be read but code.
    sandbox.enter(memory=_MEMORY, parent=os.getppid())
    while (one := _receive(sys.stdin.buffer)) is not None:
        _send(sys.stdout.buffer, repeat(one.evidence, one.kept, one.content).differs)


def _send(stream: IO[bytes], what: object) -> None:
    raw = pickle.dumps(what)
    stream.write(len(raw).to_bytes(_LENGTH_BYTES, "big") + raw)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:  # noqa: ANN401 (what was sent)
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    return pickle.loads(stream.read(int.from_bytes(length, "big")))  # noqa: S301 (from ourselves)


if __name__ == "__main__":
    main()
