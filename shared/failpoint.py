"""Fail points: a service kills itself at a named line, to prove that the line may be the last."""

import os
import signal
from pathlib import Path

_FILE = os.environ.get("FAILPOINT_FILE", "")


class _Armed:
    """Where this process is to end, at which pass, and by which signal."""

    name = ""
    left = 0
    sign = signal.SIGKILL

    def take(self, told: str) -> None:
        """Arm it: `name[:n[:STOP]]`; an empty text: nowhere."""
        self.name, _, rest = told.partition(":")
        nth, _, sign = rest.partition(":")
        self.left, self.sign = int(nth or "1"), signal.Signals[f"SIG{sign or 'KILL'}"]


_armed = _Armed()
_armed.take(os.environ.get("FAILPOINT", ""))


def _count(name: str) -> None:
    if name != _armed.name:
        return
    _armed.left -= 1
    if _armed.left == 0:
        os.kill(os.getpid(), _armed.sign)


def _look_and_count(name: str) -> None:
    file = Path(_FILE)
    try:
        told = file.read_text(encoding="ascii")
        file.unlink()
    except FileNotFoundError:
        pass  # nothing is laid there, or another thread has taken it
    else:
        _armed.take(told)
    _count(name)


def _pass(_name: str) -> None:
    return


reach = _look_and_count if _FILE else _count if _armed.name else _pass
"""Pass the point `name`. `FAILPOINT=name[:n[:STOP]]` kills (or freezes) this process at pass n.

So does what is laid into `FAILPOINT_FILE` while it runs; it takes it away.
"""
