"""Fail points: a service kills itself at a named line, to prove that the line may be the last."""

import os
import signal

_NAME, _, _REST = os.environ.get("FAILPOINT", "").partition(":")
_NTH, _, _SIGNAL = _REST.partition(":")
_left = int(_NTH or "1")


def _count(name: str) -> None:
    global _left  # noqa: PLW0603 (one counter per process, by its nature)
    if name != _NAME:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.Signals[f"SIG{_SIGNAL or 'KILL'}"])


def _pass(_name: str) -> None:
    return


reach = _count if _NAME else _pass
"""Pass the point `name`. `FAILPOINT=name[:n[:STOP]]` kills (or freezes) this process at pass n."""
