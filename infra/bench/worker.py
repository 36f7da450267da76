"""The memory of one of signing's workers, over the life of its process."""

import hashlib
import statistics
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from infra.bench.judged import Json
from infra.bench.versus import Given
from services.signing.forks import Forks
from services.signing.pool import Limits, Present, Worker

LIFE = Limits().files - 1
"""Files that one process answers for before another takes over, less the last one."""


async def memory(given: Sequence[Given], present: Present, count: int) -> Json:
    """Have one worker judge so many files; return MB of its process.

    `half` and `end` are medians of the tenth that ends there, `most` is of its whole life. Raises
    ValueError when a file is not sound or the process is another one at the end.
    """
    files = [(path, hashlib.sha256(path.read_bytes()).hexdigest(), own) for path, own in given]
    held: list[float] = []
    async with Forks.open() as forks:
        worker = Worker(Limits(), forks)
        await worker.warm()
        pid = worker.pid
        for _, (path, digest, own) in zip(range(count), cycle(files), strict=False):
            answer = (await worker.look(path, digest, present, detached=own)).answer
            if answer is None or answer.finding is None or answer.finding.outcome != "sound":
                raise ValueError(f"a paper of the bench is not sound: {answer}")
            held.append(_megabytes(pid, "VmRSS"))
        if worker.pid != pid:
            raise ValueError("a worker of the bench has died")
        most = _megabytes(pid, "VmHWM")
        await worker.close()
    tenth = max(1, count // 10)
    half, end = held[count // 2 - tenth : count // 2], held[-tenth:]
    return {
        "files": count,
        "begun": held[count // 20],
        "half": statistics.median(half),
        "end": statistics.median(end),
        "most": most,
    }


def _megabytes(pid: int | None, name: str) -> float:
    """Return resident memory of a process: now (VmRSS), at most so far (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024
