"""How a process of the stack is started and ended."""

import os
import pwd
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run, with which environment and files, as whom, and how it is asked to end."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    fds: Sequence[int] = ()
    """Inherited under their own numbers."""
    user: str | None = None
    cwd: Path = Path("/")
    stop: signal.Signals = signal.SIGTERM
    grace: float = 12
    """Seconds until SIGKILL."""

    def with_env(self, more: Mapping[str, str]) -> "Launch":
        """Return the same with more environment."""
        return replace(self, env={**self.env, **more})


def start(launch: Launch, log: Path) -> "subprocess.Popen[bytes]":
    """Start the process in a session of its own: the terminal's signals do not reach it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=launch.cwd,
            env={**os.environ, **launch.env},
            pass_fds=launch.fds,
            start_new_session=True,
            user=launch.user,
            group=_group(launch.user),
            extra_groups=None if launch.user is None else [],
        )


def run_as(user: str | None, argv: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end as another user; its output is in the result."""
    return subprocess.run(
        argv,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        user=user,
        group=_group(user),
        extra_groups=None if user is None else [],
    )


def _group(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid
