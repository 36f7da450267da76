"""Repeats verdicts from their evidence alone, in a process without network and without files.

`python -m tests.conformance.replay` is that process: it is given what to repeat on a socket.
"""

import importlib
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO
from uuid import UUID

import orjson

from services.signing import hexstring, sandbox
from services.signing.again import repeat
from services.signing.evidence import Subject, pieces, written
from services.signing.validation.material import digest
from tests.conformance.case import Case
from tests.conformance.judging import examined, material

_LENGTH_BYTES = 8
_MARK = b"f"
_MEMORY = 2 << 30
_CPU_SECONDS = 120
"""More than a worker of signing has, memory too: what it judged is to be judged here."""
_NOBODY = UUID(int=0)
ENDED = "the process that repeats came to its limits, or was killed"


@dataclass(frozen=True, slots=True)
class Stored:
    """A verdict as it is stored, with the file."""

    evidence: bytes
    kept: Mapping[str, bytes]
    file: BinaryIO
    """Read and closed by whoever repeats."""


def stored(case: Case) -> Stored:
    """Judge a case as signing does, and return what it would keep."""
    known = material(case)
    detached = None if case.content is None else case.file
    content = case.file if case.content is None else case.content
    finding, verdict = examined(case, known)
    subject = Subject(_NOBODY, _NOBODY, case.name, case.sender, digest(content), case.role)
    evidence, _ = written(subject, verdict, finding, case.registered, known, detached=detached)
    kept = {one.sha256: one.content for one in pieces(known, finding, detached)}
    return Stored(evidence, kept, _in_memory(content))


def _in_memory(content: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("case"), "w+b")
    file.write(content)
    file.seek(0)
    return file


class Repeater:
    """The other process; another one takes over where it has ended."""

    def __init__(self) -> None:
        """Start it."""
        self._start()

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.conformance.replay"]
            self._process = subprocess.Popen(command, stdin=theirs.fileno())
        self._requests, self._answers = _both_ways(self._channel)

    def differences(self, one: Stored) -> tuple[str, ...]:
        """Return what came out otherwise than it was stored, or why nothing came out."""
        try:
            with one.file:
                socket.send_fds(self._channel, [_MARK], [one.file.fileno()])
                _send(self._requests, pickle.dumps((one.evidence, one.kept)))
                answer = _receive(self._answers)
        except OSError:
            answer = b""
        if not answer:
            self.close()
            self._start()
            return (ENDED,)
        # Not by pickle: the file may have overcome the process.
        return tuple(map(str, orjson.loads(answer)))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for one in (self._answers, self._channel):
            one.close()
        try:
            self._requests.close()
        except OSError:  # what it could not take any more
            return


@contextmanager
def repeater() -> Generator[Repeater]:
    """Start the other process for the length of a `with`."""
    other = Repeater()
    try:
        yield other
    finally:
        other.close()


def main() -> None:
    """Repeat verdicts until the other end of standard input closes."""
    hexstring.install()
    # Loaded while it may be read: what comes is of this module by its name.
    importlib.import_module("tests.conformance.replay")
    channel = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    answers, requests = _both_ways(channel)
    # No socket can be opened from here on, no file be written, nothing be read but code.
    sandbox.enter(memory=_MEMORY, parent=os.getppid())
    while True:
        # One byte, before anything is read ahead: whatever reads past it loses the descriptor.
        _, files, _, _ = socket.recv_fds(channel, len(_MARK), 1)
        if not files:
            return
        sandbox.allow_cpu(_CPU_SECONDS)
        _send(answers, orjson.dumps(_again(_receive(requests), files[0])))


def _again(request: bytes, file: int) -> tuple[str, ...]:
    evidence, kept = pickle.loads(request)  # noqa: S301 (from who started this process)
    try:
        with os.fdopen(file, "rb") as opened:
            content = opened.read()
        return repeat(evidence, kept, content).differs
    except Exception as error:  # noqa: BLE001 (whatever escapes is a difference)
        return (f"{type(error).__name__}: {error}",)


def _both_ways(channel: socket.socket) -> tuple[IO[bytes], IO[bytes]]:
    """Return what is written to the other end, and what is read of it: no call but these two."""
    return os.fdopen(os.dup(channel.fileno()), "wb"), os.fdopen(os.dup(channel.fileno()), "rb")


def _send(stream: IO[bytes], what: bytes) -> None:
    stream.write(len(what).to_bytes(_LENGTH_BYTES, "big") + what)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes:
    """Return a message; empty: the other end has gone."""
    length = stream.read(_LENGTH_BYTES)
    return stream.read(int.from_bytes(length, "big")) if len(length) == _LENGTH_BYTES else b""


if __name__ == "__main__":
    main()
