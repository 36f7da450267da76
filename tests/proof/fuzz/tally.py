"""What came of all requests: counts, and each failing one on disk with what repeats it."""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.fuzz.wire import Reply

_KEPT = 200
"""Failing requests that are written; the others are counted."""
_SHOWN = 600
_NOT_NOW = 503


@dataclass(frozen=True, slots=True)
class Shot:
    """One request, as its bytes."""

    kind: str
    name: str
    door: str
    """The process that is asked: gateway, docs, signing, notify."""
    raw: bytes
    by: str = ""
    """Client id whose token is in it."""
    framed: bool = True
    """Framed as HTTP says: it has to be answered. Else its connection may also just end."""


@dataclass(slots=True)
class Tally:
    """All counts of a run."""

    folder: Path
    seed: int
    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    kinds: Counter[str] = field(default_factory=Counter[str])
    server_errors: int = 0
    unavailable: int = 0
    hangs: int = 0
    cuts: int = 0
    wrong: int = 0
    """Answers that are none of ours, and promises of a scene that were not kept."""
    _written: int = 0
    _told: float = 0.0

    def answered(self, shot: Shot, reply: Reply) -> None:
        """Count an answer, and keep the request when the answer is a failure."""
        self._count(shot, reply.status)
        if reply.status == _NOT_NOW:
            self.unavailable += 1
        elif reply.status >= 500:
            self.server_errors += 1
        elif fault := _not_ours(reply):
            self.wrong += 1
            self.keep(shot, fault, reply)
            return
        else:
            return
        self.keep(shot, f"answered {reply.status}", reply)

    def ended(self, shot: Shot) -> None:
        """Count a request whose connection was ended; wrong only if it was framed well."""
        self._count(shot, 0)
        if shot.framed:
            self.cuts += 1
            self.keep(shot, "the connection ended without a whole answer")

    def answered_nothing(self, shot: Shot) -> None:
        """Count a request of which no answer in HTTP is expected."""
        self._count(shot, 0)

    def hung(self, shot: Shot, why: str) -> None:
        """Count a request that was not answered in time."""
        self._count(shot, 0)
        self.hangs += 1
        self.keep(shot, why)

    def more(self, kind: str, statuses: Counter[int]) -> None:
        """Count requests that were judged elsewhere (a scene of its own)."""
        self.kinds[kind] += statuses.total()
        self.requests += statuses.total()
        self.statuses += statuses

    def broken(self, kind: str, what: str) -> None:
        """Count a promise that was not kept, and say it."""
        self.wrong += 1
        print(f"  BROKEN {kind}: {what}", file=sys.stderr, flush=True)
        self._write(kind, {"broken": what}, b"")

    def keep(self, shot: Shot, fault: str, reply: Reply | None = None) -> None:
        """Write a failing request down: its bytes, and beside them where, who, what came."""
        told = {
            "fault": fault,
            "kind": shot.kind,
            "name": shot.name,
            "door": shot.door,
            "by": shot.by,
            "answer": None if reply is None else reply.body[:_SHOWN].decode(errors="replace"),
            "headers": None if reply is None else dict(reply.headers),
        }
        where = self._write(shot.kind, told, shot.raw)
        line = f"  FOUND {shot.kind} {shot.door} {shot.name}: {fault} → {where}"
        print(line[:300], file=sys.stderr, flush=True)

    def _write(self, kind: str, told: Mapping[str, object], raw: bytes) -> str:
        self._written += 1
        if self._written > _KEPT:
            return "not written, there are too many"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self._written:03}-{kind}"
        told = {"seed": self.seed, "at": time.time(), **told}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        path.with_suffix(".json").write_text(text, encoding="utf-8", errors="surrogateescape")
        path.with_suffix(".request").write_bytes(raw)
        return path.with_suffix(".request").name

    def _count(self, shot: Shot, status: int) -> None:
        self.requests += 1
        self.statuses[status] += 1
        self.kinds[shot.kind] += 1
        now = time.monotonic()
        if now - self._told >= 5:
            self._told = now
            print(f"  {self.requests} requests, now {shot.kind}: {self.seen()}", flush=True)

    def seen(self) -> str:
        """Return the statuses in one line; 0 is an ended connection."""
        return " ".join(f"{status}×{count}" for status, count in sorted(self.statuses.items()))

    def good(self) -> bool:
        """Say whether nothing failed."""
        faults = self.server_errors + self.unavailable + self.hangs + self.cuts + self.wrong
        return faults == 0


def _not_ours(reply: Reply) -> str:
    """Say what is wrong with a refusal that is no problem of ours (RFC 9457; RFC 6749 5.2)."""
    if reply.status < 400 or not reply.body:
        return ""
    kind = reply.headers.get("content-type", "")
    if not kind.startswith(("application/problem+json", "application/json")):
        return f"a refusal of type {kind or 'none'}"
    try:
        told = json.loads(reply.body)
    except ValueError:
        return "a refusal that is no JSON"
    return "" if {"code", "trace_id"} <= told.keys() or "error" in told else "no problem of ours"
