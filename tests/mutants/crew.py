"""Processes that judge mutants, each with limits; one that dies is begun again behind its file."""

import gc
import importlib
import logging
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, cast

from services.signing import hexstring
from services.signing.validation.trust import Trust
from tests.mutants import corpus as corpora
from tests.mutants.judging import Judge, Said, weigh
from tests.mutants.plan import Plan

_MEMORY = 1 << 30
_SPAWN = multiprocessing.get_context("spawn")
_WALL_SECONDS = 900.0
"""Without a word for so long, whatever CPU it was given: it waits for something."""


class Pipe(Protocol):
    """One end of what joins a process to the crew."""

    def send(self, obj: Any, /) -> None:  # noqa: ANN401 (as the library has it)
        """Say something."""

    def recv(self) -> Any:  # noqa: ANN401
        """Wait for something that is said. Raises EOFError."""

    def fileno(self) -> int:
        """Return what to wait for."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What one process is to do: every `step`-th mutant from `first` of the parts, in order."""

    corpus: Path
    seed: int
    counts: dict[str, int]
    """How many of each part; spread over the whole part when there are fewer than it has."""
    judge: str
    """`module:name`."""
    cpu_seconds: int
    first: int
    step: int

    def numbers(self, whole: dict[str, int]) -> Iterator[tuple[str, int]]:
        """Yield part and number of each mutant."""
        place = 0
        for part, count in self.counts.items():
            for one in range(count):
                if place >= self.first and (place - self.first) % self.step == 0:
                    yield part, one * whole[part] // count
                place += 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A mutant that is not as it has to be."""

    kind: str
    part: str
    number: int
    detail: str


@dataclass(slots=True)
class Result:
    """What came of all mutants."""

    kinds: Counter[str] = field(default_factory=Counter[str])
    harmless: Counter[str] = field(default_factory=Counter[str])
    ways: Counter[str] = field(default_factory=Counter[str])
    faults: list[Fault] = field(default_factory=list[Fault])

    @property
    def mutants(self) -> int:
        """Return how many were judged."""
        return self.kinds.total()


def serve(task: Task, skip: int, pipe: Pipe) -> None:
    """Judge mutants, and say of each what it is before and what came of it after."""
    logging.disable(logging.CRITICAL)
    hexstring.install()
    plan, judge = Plan(corpora.load(task.corpus), task.seed), _judge(task.judge)
    trust = Trust(plan.corpus.material)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.freeze()
    for place, (part, number) in enumerate(task.numbers(plan.counts())):
        if place < skip:
            continue
        mutant = plan.make(part, number)
        pipe.send((part, number))
        _allow_cpu(task.cpu_seconds)
        said = weigh(mutant, trust, plan, judge)
        pipe.send((mutant.way, said))
        if place % 64 == 0:
            gc.collect()
    pipe.send(None)


def _allow_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _judge(name: str) -> Judge:
    module, _, function = name.partition(":")
    return cast("Judge", getattr(importlib.import_module(module), function))


@dataclass(slots=True)
class _Hand:
    """One process, and where it is."""

    task: Task
    process: BaseProcess
    pipe: Pipe
    done: int = 0
    at: tuple[str, int] | None = None
    heard: float = field(default_factory=time.monotonic)


def _start(task: Task, skip: int) -> _Hand:
    pipe, other = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=serve, args=(task, skip, other), daemon=True)
    process.start()
    other.close()
    return _Hand(task, process, pipe, skip)


def run(tasks: list[Task], say: Callable[[Result], None]) -> Result:
    """Have all tasks done, each in a process of its own."""
    result = Result()
    hands = [_start(task, 0) for task in tasks]
    while hands:
        ready = wait([hand.pipe.fileno() for hand in hands], timeout=5)
        for hand in list(hands):
            if hand.pipe.fileno() in ready:
                hand.heard = time.monotonic()
                _hear(hand, hands, result)
            elif time.monotonic() - hand.heard > _WALL_SECONDS:
                hand.process.kill()
        say(result)
    return result


def _hear(hand: _Hand, hands: list[_Hand], result: Result) -> None:
    try:
        message = hand.pipe.recv()
    except EOFError:
        hands.remove(hand)
        again = _died(hand, result)
        if again:
            hands.append(again)
        return
    if message is None:
        hands.remove(hand)
        hand.process.join()
    elif isinstance(message[1], Said):
        _count(hand, result, *message)
    else:
        hand.at = message


def _count(hand: _Hand, result: Result, way: str, said: Said) -> None:
    part, number = hand.at or ("", 0)
    hand.done += 1
    result.kinds[said.kind] += 1
    result.ways[way] += 1
    if said.kind == "harmless":
        result.harmless[said.detail] += 1
    elif said.kind != "refused":
        detail = f"{way} {said.detail}".strip()
        result.faults.append(Fault(said.kind, part, number, detail))
    hand.at = None


def _died(hand: _Hand, result: Result) -> _Hand | None:
    """Count the mutant that ended a process, and begin behind it."""
    hand.process.join()
    code = hand.process.exitcode or 0
    if hand.at is None:
        raise RuntimeError(f"a process of the crew ended with {code} between two mutants")
    hung = code in (-24, -9)  # SIGXCPU; SIGKILL: by the wall clock, or for want of memory
    kind = "hung" if hung else "escaped"
    result.kinds[kind] += 1
    result.faults.append(Fault(kind, *hand.at, f"the process ended with {code}"))
    return _start(hand.task, hand.done + 1)
