"""The side of a process that is measured: papers first, then one to work on per line, timed."""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    """A file, and its signature where that does not stand in it."""

    content: bytes
    signature: bytes | None


def begin() -> Json:
    """Return what is told first: the material, and where papers lie.

    What was imported so far is looked through by no collection of memory, as in a worker.
    """
    gc.collect()
    gc.freeze()
    return json.loads(sys.stdin.readline())


def papers(told: Json) -> list[Paper]:
    """Read the papers; no signature is the empty text, any other is hexadecimal."""
    return [
        Paper(Path(path).read_bytes(), bytes.fromhex(signature) if signature else None)
        for path, signature in told["papers"]
    ]


def serve(work: Mapping[str, Callable[[Paper], None]], given: list[Paper]) -> None:
    """Work on a paper first, for what is loaded at first use; then as lines say: what, which.

    Each is answered with seconds of CPU and seconds.
    """
    for do in work.values():
        do(given[0])
    gc.collect()
    print(flush=True)
    for line in sys.stdin:
        what, number = line.split()
        do, paper = work[what], given[int(number)]
        began, used = time.perf_counter(), time.process_time()
        do(paper)
        print(time.process_time() - used, time.perf_counter() - began, flush=True)
