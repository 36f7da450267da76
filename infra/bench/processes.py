"""What each process of a stack has used: seconds of CPU and megabytes, read from /proc."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
DRIVER = "driver"


@dataclass(frozen=True, slots=True)
class Seen:
    """One process as /proc shows it."""

    pid: int
    parent: int
    own: float
    """Seconds of CPU of its own."""
    ended: float
    """Seconds of CPU of its children that have ended."""


def read(stat: str) -> Seen:
    """Read the line of `/proc/<pid>/stat` (proc(5)); a command's name may hold anything."""
    head, _, tail = stat.rpartition(")")
    fields = tail.split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return Seen(
        pid=int(head.split(maxsplit=1)[0]),
        parent=int(fields[1]),
        own=(user + system) / _TICKS,
        ended=(children_user + children_system) / _TICKS,
    )


def _all() -> dict[int, Seen]:
    seen: dict[int, Seen] = {}
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            one = read(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError, IndexError):
            continue  # it has ended meanwhile
        seen[one.pid] = one
    return seen


def _roots(run: Path) -> dict[str, int]:
    """Return the processes of a stack by name, as its pid files tell."""
    roots: dict[str, int] = {}
    for path in run.glob("*.pid"):
        words = path.read_text(encoding="ascii").split()
        if words and words[0].isdecimal():
            roots[path.stem] = int(words[0])
    return roots


def _grouped(run: Path) -> dict[str, list[Seen]]:
    """Return each process with its descendants; those of signing are its workers.

    The supervisor's children are processes of their own here.
    """
    seen, roots = _all(), _roots(run)
    below: defaultdict[int, list[Seen]] = defaultdict(list)
    for one in seen.values():
        below[one.parent].append(one)
    named = set(roots.values())
    groups: defaultdict[str, list[Seen]] = defaultdict(list)
    for name, pid in roots.items():
        if pid not in seen:
            continue
        groups[name].append(seen[pid])
        waiting = list(below[pid])
        while waiting:
            one = waiting.pop()
            if one.pid not in named:
                groups["signing workers" if name.startswith("signing") else name].append(one)
                waiting += below[one.pid]
    return groups


def cpu(run: Path) -> dict[str, float]:
    """Return seconds of CPU since each process began, its children's included; the driver's too."""
    groups = _grouped(run)
    used = {name: sum(one.own for one in group) for name, group in groups.items()}
    if workers := groups.get("signing workers"):
        used["signing workers"] += sum(one.ended for one in workers)  # of the fork server
    for name, pid in _roots(run).items():
        # What has ended counts on: PostgreSQL ends a process with each connection. Of the
        # supervisor's children it does not: they are other rows.
        if name != "supervisor" and name in used:
            used[name] += read((_PROC / str(pid) / "stat").read_text()).ended
    times = os.times()
    used[DRIVER] = times.user + times.system
    return used


def machine() -> float:
    """Return the seconds of CPU that the whole machine has used, steal included."""
    fields = (_PROC / "stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, steal = (int(field) for field in fields)
    return (user + nice + system + irq + soft + steal) / _TICKS


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of CPU that each process used between two readings."""
    return {name: max(0.0, used - before.get(name, 0.0)) for name, used in after.items()}


def memory(run: Path) -> dict[str, float]:
    """Return MB per process: resident for one process, shared pages counted once for several."""
    told: dict[str, float] = {}
    for name, group in _grouped(run).items():
        pids = [one.pid for one in group]
        told[name] = _resident(pids[0]) if len(pids) == 1 else _proportional(pids)
    told[DRIVER] = _resident(os.getpid())
    return told


def _resident(pid: int) -> float:
    return _kilobytes(_PROC / str(pid) / "status", "VmRSS:") / 1024


def _proportional(pids: Iterable[int]) -> float:
    return sum(_kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:") for pid in pids) / 1024


def _kilobytes(path: Path, field: str) -> int:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(field)), 0)


def describe() -> dict[str, object]:
    """Return what machine this is."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (_PROC / "cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        os.uname().machine,
    )
    memory_mb = _kilobytes(_PROC / "meminfo", "MemTotal:") // 1024
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mb": memory_mb,
        "kernel": f"{os.uname().sysname} {os.uname().release}",
    }
