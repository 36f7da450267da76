"""EU DSS as a peer: one process that runs it, asked one question after the other."""

import base64
import json
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self, cast

from infra.stack.folder import TREE
from tests.conformance.peers.peer import Asked, Said, Verdict, Worst, known_answers, known_lists

_START = 300.0
"""Seconds; a first start fetches the jars."""
_ANSWER = 60.0
_LACKS = frozenset({"BBB_XCV_IRDPFC_ANS", "BBB_XCV_IARDPFC_ANS"})
"""DSS's constraints on revocation data that is there, and that it can use."""
_ON_HOLD = "BBB_XCV_ISCOH_ANS"
"""Told as TRY_LATER, yet a known defect and not a lack of data."""


class Silent(Exception):  # noqa: N818 (DSS is)
    """DSS gave no answer. Text: what it said instead."""


class Dss:
    """The validator of the European Commission; usable inside its `with`."""

    def __init__(self) -> None:
        """Start the process and wait until it can be asked."""
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def process(self) -> int:
        """Return the id of the process that runs DSS."""
        return self._child.pid

    def ask(self, asked: Asked) -> Said:
        """Return DSS's verdict on all signatures of a file; one that it dies of tells nothing."""
        try:
            answer = self.report(asked)
        except Silent as why:
            self._end()
            self._start()
            return Said("unknown", str(why))
        if refused := answer.get("refused"):
            return Said("bad", f"refused: {refused}")
        return Worst([_said(one) for one in answer["signatures"]]).as_one()

    def report(self, asked: Asked) -> dict[str, Any]:
        """Return what DSS says of each signature."""
        question = {
            "file": _text(asked.file),
            "content": None if asked.content is None else _text(asked.content),
            "at": int(asked.at.timestamp() * 1000),
            "roots": _texts(asked.roots),
            "intermediates": _texts(asked.intermediates),
            "crls": _texts(known_lists(asked)),
            "ocsps": _texts(known_answers(asked)),
        }
        pipe = cast("IO[str]", self._child.stdin)
        with suppress(BrokenPipeError):  # then there is no answer either
            pipe.write(json.dumps(question) + "\n")
            pipe.flush()
        return self._line(_ANSWER)

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.peers.dss_judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=TREE,
        )
        began = time.monotonic()
        try:
            self._line(_START)
        except BaseException:
            self._end()
            raise
        self.started_in = time.monotonic() - began

    def _end(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._said):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _line(self, seconds: float) -> dict[str, Any]:
        pipe = cast("IO[str]", self._child.stdout)
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            line = pipe.readline() if ready.select(seconds) else ""
        if not line:
            self._said.seek(0)
            raise Silent(f"EU DSS gave no answer; it said: {self._said.read()[-500:]}")
        return cast("dict[str, Any]", json.loads(line))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _texts(ders: Sequence[bytes]) -> list[str]:
    return [_text(der) for der in ders]


def _said(one: Mapping[str, Any]) -> Said:
    indication, sub, failed = one["indication"], one["sub"], one["failed"]
    words = indication if sub is None else f"{indication} {sub}"
    if failed:
        words += f" ({', '.join(failed)})"
    return Said(_verdict(indication, sub, frozenset(failed)), words)


def _verdict(indication: str, sub: str | None, failed: frozenset[str]) -> Verdict:
    if indication == "TOTAL_PASSED":
        return "good"
    lacks = sub == "TRY_LATER" or bool(failed & _LACKS)
    return "unknown" if lacks and _ON_HOLD not in failed else "bad"
