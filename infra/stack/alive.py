"""Processes by pid and start time, so that a reused pid is never taken for ours."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine: its pid and the moment it began (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """Return the living process with that pid, if there is one (a zombie is dead)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
        state, started = fields[0], int(fields[19])
        return None if state in ("Z", "X") else cls(pid, started)

    @classmethod
    def recorded(cls, pid_file: Path) -> "Process | None":
        """Return the process a pid file names, if it still lives and is the same."""
        try:
            pid, started = pid_file.read_text().split()
            process = cls(int(pid), int(started))
        except (FileNotFoundError, ValueError):
            return None
        return process if process.alive() else None

    def record(self, pid_file: Path) -> None:
        """Write the pid file at once: the pid, and on the next line the start time."""
        temporary = pid_file.with_name(f".{pid_file.name}")
        temporary.write_text(f"{self.pid}\n{self.started}\n")
        temporary.replace(pid_file)

    def alive(self) -> bool:
        """Say whether the process still runs."""
        return Process.of(self.pid) == self

    def send(self, sign: signal.Signals) -> None:
        """Send a signal, if the process still is the one it was."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, sign)
        finally:
            os.close(handle)
