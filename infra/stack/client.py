"""The other end of a supervisor's socket: starts one when there is none, and tells what happens."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from infra.stack import endings
from infra.stack.alive import Process
from infra.stack.brokers import asked_brokers
from infra.stack.control import Door, Next, command
from infra.stack.folder import TREE, Folder
from infra.stack.logs import last_lines
from infra.stack.seed import asked_seed, fixed_seed
from infra.stack.services import environment_given, is_for_one_life
from infra.stack.trouble import Trouble

_NOBODY = "nothing watches these processes: one that ends stays down"
_PATIENCE = 60.0
_QUIET = 10.0


class SupervisorGone(Trouble):
    """The supervisor died while it carried out a command."""


@dataclass(frozen=True, slots=True)
class Client:
    """Carries commands to the supervisor of one folder."""

    folder: Folder

    async def up(self, only: str) -> int:
        """Start what does not run, with a supervisor if there is none."""
        self.folder.make()
        if self.folder.read("seed.json"):
            fixed_seed(self.folder, asked_seed())  # says so before anything is started
        began = time.monotonic()
        await self._supervisor()
        asked = {"seed": asked_seed(), "brokers": asked_brokers()}
        outcome = await self._exchange("up", {"only": only, "env": environment_given(), **asked})
        ports = cast("dict[str, object]", outcome.get("ports") or {})
        names = only.split(",") if only else [name for name in ports if name != "metrics"]
        for name in names:
            print(f"  {name:<11} {ports.get(name, '')}")
        print(f"up in {time.monotonic() - began:.1f} s; state in {self.folder.path}")
        return 0

    async def down(self) -> int:
        """End everything, whether or not there is a supervisor."""
        if not self.folder.path.exists():
            print("nothing runs here")
            return 0
        supervisor = Process.recorded(self.folder.pid_file("supervisor"))
        try:
            await self._exchange("down", {})
        except OSError:
            await endings.end_left_behind(self.folder, parts=True)
        if supervisor is not None:
            await _gone(supervisor)
        await endings.end_strays(self.folder)
        self.folder.pid_file("supervisor").unlink(missing_ok=True)
        Door(self.folder).path.unlink(missing_ok=True)
        print("down")
        return 0

    async def status(self) -> int:
        """Print one line per process: name, pid, address, healthy or why not."""
        try:
            outcome = await self._exchange("status", {})
        except (OSError, SupervisorGone):
            from infra.stack import unwatched  # noqa: PLC0415 (loads all parts: seconds)

            left = await unwatched.states(self.folder)
            _print_states(left)
            print(self._alone(_NOBODY) if left else f"nothing runs here; {self._make_up}")
            return 0
        _print_states(cast("list[dict[str, object]]", outcome["processes"]))
        return 0

    async def kill(self, process: str, *, hold: bool) -> int:
        """Kill a process at once; the supervisor too, and any process when it is dead."""
        if process == "supervisor":
            return await self._kill_unwatched(process, begun=False)
        try:
            outcome = await self._exchange("kill", {"process": process, "hold": hold})
        except SupervisorGone:
            return await self._kill_unwatched(process, begun=True)
        except OSError:
            return await self._kill_unwatched(process, begun=False)
        print(_killed(process, cast("int | None", outcome.get("pid")), hold=hold))
        return 0

    async def _kill_unwatched(self, process: str, *, begun: bool) -> int:
        """Kill without a supervisor, or finish what one that died over it had `begun`."""
        found = Process.recorded(self.folder.pid_file(process))
        if found is None and not begun:
            raise Trouble(
                f"no process '{process}' runs here, nor a supervisor that could start it",
                f"{self._make_up}; make status shows what runs",
            )
        if found is None:
            print(self._alone(f"{process} is dead, and its supervisor too: both stay down"))
            return 0
        found.send(signal.SIGKILL)
        await _gone(found)
        print(f"killed {process} (pid {found.pid})")
        if process == "supervisor":
            print(self._alone(_NOBODY))
        else:
            print(self._alone(f"no supervisor is here to bring {process} back: it stays down"))
        return 0

    @property
    def _make_up(self) -> str:
        return f"{self.folder.hint('')} make up".strip()

    def _alone(self, sentence: str) -> str:
        return f"{sentence}\n  → {self._make_up}   (a supervisor again, and all it keeps)"

    async def tell(self, do: str, words: dict[str, object]) -> int:
        """Have a command carried out by the supervisor that is there."""
        try:
            await self._exchange(do, {**words, "env": environment_given()})
        except OSError:
            raise Trouble("no stack runs here", self._make_up) from None
        return 0

    async def _exchange(self, do: str, words: Mapping[str, object]) -> dict[str, object]:
        """Send a command, print what is said, return the outcome; raises Trouble, OSError."""
        async with command(Door(self.folder), do=do, **words) as following:
            while (line := await _or_silence(following)) is not None:
                if "say" in line:
                    print(f"  {line['say']}", flush=True)
                elif line.get("end") == "trouble":
                    raise Trouble(str(line["what"]), str(line["way_out"]))
                else:
                    return line
        if do == "down":
            return {}
        raise SupervisorGone("the supervisor has died meanwhile", "start again: make up")

    async def _supervisor(self) -> None:
        """Make sure that a supervisor takes commands."""
        if self._reached():
            return
        log = self.folder.log("supervisor")
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: ASYNC220 (returns at once; it is a daemon)
                [sys.executable, "-m", "infra.stack", "supervise"],
                cwd=TREE,
                env=_lasting_environment() | {"LIENTHONG_RUN": str(self.folder.path)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        end = time.monotonic() + _PATIENCE
        while not self._reached():
            if child.poll() not in (None, 0) or time.monotonic() > end:
                raise Trouble(f"the supervisor does not start:\n{last_lines(log)}", f"see {log}")
            await asyncio.sleep(0.05)
        child.returncode = child.returncode or 0  # a daemon: it is not waited for

    def _reached(self) -> bool:
        try:
            Door(self.folder).connected().close()
        except OSError:
            return False
        return True


def _lasting_environment() -> dict[str, str]:
    """Return the environment for a supervisor: a fail point is for one life of one process."""
    return {name: value for name, value in os.environ.items() if not is_for_one_life(name)}


def _print_states(lines: list[dict[str, object]]) -> None:
    for line in lines:
        state = "healthy" if line["healthy"] else line["why"]
        print(f"{line['name']:<12}{line['pid'] or '-':<9}{line['address']:<26}{state}")


def _killed(process: str, pid: int | None, *, hold: bool) -> str:
    """Say what a supervisor has done with a process."""
    done = f"{process} did not run" if pid is None else f"killed {process} (pid {pid})"
    then = f"held down until make start P={process}" if hold else "the supervisor starts it again"
    return f"{done}; {then}"


async def _or_silence(following: Next) -> dict[str, object] | None:
    """Return the next line; in a silence say that the work goes on."""
    began = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(_QUIET):
                return await following()
        except TimeoutError:
            print(f"  … nothing new for {time.monotonic() - began:.0f} s", flush=True)


async def _gone(process: Process) -> None:
    while True:
        if not process.alive():
            return
        await asyncio.sleep(0.05)
