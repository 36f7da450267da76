"""What the services take meanwhile: resident memory, and whether one of them has died."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from tests.proof.fuzz.doors import SERVICES

LIMIT_MB = 400
"""Of resident memory, for each process of the exchange at any moment."""
_PAUSE_S = 0.5


@dataclass(slots=True)
class Memory:
    """Watches the services of a stack by their pid files."""

    run: Path
    highest: dict[str, float] = field(default_factory=dict[str, float])
    """Megabytes, by service; workers are counted by themselves under `signing worker`."""
    deaths: list[str] = field(default_factory=list[str])
    _pids: dict[str, int] = field(default_factory=dict[str, int])

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_PAUSE_S)

    def look(self) -> None:
        """Look once."""
        for service in SERVICES:
            pid = self._pid(service)
            if pid is None:
                continue
            if self._pids.setdefault(service, pid) != pid:
                self.deaths.append(service)
                self._pids[service] = pid
            self._note(service, _megabytes(pid, "VmHWM"))
            for below in _below(pid):
                self._note(f"{service} worker", _megabytes(below, "VmHWM"))

    def now(self) -> dict[str, float]:
        """Return the resident memory of each service at this moment."""
        return {name: _megabytes(pid, "VmRSS") for name, pid in self._pids.items()}

    def line(self) -> str:
        """Return the highest of each."""
        return " ".join(f"{name}={size:.0f}" for name, size in sorted(self.highest.items()))

    def _note(self, name: str, size: float) -> None:
        self.highest[name] = max(self.highest.get(name, 0.0), size)

    def _pid(self, service: str) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((self.run / f"{service}.pid").read_text(encoding="utf-8").split()[0])
        return None


def _megabytes(pid: int, field_name: str) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(field_name):
                return int(line.split()[1]) / 1024
    return 0.0


def _below(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    with contextlib.suppress(OSError, ValueError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        children = [int(one) for one in text.split()]
        return [below for child in children for below in (child, *_below(child))]
    return []
