"""Fail points: a service kills itself at a named line, to prove that the line may be the last."""

import os
import signal

_NAME, _, _NTH = os.environ.get("FAILPOINT", "").partition(":")
_left = int(_NTH or "1")


def _count(name: str) -> None:
    global _left  # noqa: PLW0603 (one counter per process, by its nature)
    if name != _NAME:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _pass(_name: str) -> None:
    return


reach = _count if _NAME else _pass
"""Pass the point `name`; kills this process when `FAILPOINT=name[:n]` says so, at the nth pass."""
