"""Keeps one process running: starts it, adopts it, notices its death at once, starts it again."""

import asyncio
import os
import signal
import subprocess
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from infra.stack.alive import Process
from infra.stack.folder import Folder
from infra.stack.launch import Launch, start
from infra.stack.logs import last_lines
from infra.stack.part import NotYet, Part, Say
from infra.stack.trouble import Trouble

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
HOPELESS = 6
"""So many deaths in a row before it was ever ready: the start has failed (it is tried on)."""


@asynccontextmanager
async def watched(process: Process) -> AsyncGenerator[asyncio.Event]:
    """Lend an event that is set when the process dies, whoever its parent is."""
    died = asyncio.Event()
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        died.set()
        yield died
        return
    loop = asyncio.get_running_loop()
    try:
        if not process.alive():  # the pid may have been given away before we looked
            died.set()
        loop.add_reader(handle, died.set)
        yield died
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def end(process: Process, launch: Launch) -> None:
    """End a process as it likes to be ended; kill it when its time is over."""
    async with watched(process) as died:
        process.send(launch.stop)
        try:
            async with asyncio.timeout(launch.grace):
                await died.wait()
        except TimeoutError:
            process.send(signal.SIGKILL)
            await died.wait()


@dataclass(slots=True, eq=False)
class Keeper:
    """One part and its process, from the first start until `end`."""

    part: Part
    folder: Folder
    say: Say
    held: bool = False
    """Kept down until somebody starts it."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = "not started"
    process: Process | None = None
    trouble: Trouble | None = None
    early_deaths: int = 0
    _child: "subprocess.Popen[bytes] | None" = None
    _launched: Launch = field(default_factory=lambda: Launch(argv=()))
    _ending: bool = False
    _preparing: "asyncio.Timeout | None" = None
    """What `end` breaks a preparation off with."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _buried: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self) -> None:
        """Keep the process running until `end` is called."""
        try:
            while not self._ending:
                if self.held:
                    self.why = f"held down; make start P={self.part.name}"
                    await self._rest(None)
                    continue
                try:
                    await self._one_attempt()
                except Exception:  # noqa: BLE001 (a fault met twice: the keeping goes on all the same)
                    await self._rest(_LONGEST_PAUSE)
        finally:
            self._gone.set()

    async def kill(self, *, hold: bool) -> None:
        """Kill the process at once; with `hold` it stays down. Returns when it is dead."""
        self.held = hold
        if self.process is not None:
            self.process.send(signal.SIGKILL)
            await self._buried.wait()
        elif not hold:
            self._woken.set()  # it was held down, or rests: it is started now

    def release(self) -> None:
        """Let it run (again) now, whatever held it back."""
        self.held, self.early_deaths, self.trouble = False, 0, None
        self._woken.set()

    async def restart(self) -> None:
        """End the process as it likes to be ended; it is started again at once."""
        if self.process is not None:
            await end(self.process, self._launched)
            await self._buried.wait()  # else it would still count as ready

    async def end(self) -> None:
        """End the process as it likes to be ended, and the keeping."""
        self._ending = True
        self._woken.set()
        if self._preparing is not None:
            self._preparing.reschedule(0)
        if self.process is not None:
            await end(self.process, self._launched)
        await self._gone.wait()

    async def _one_attempt(self) -> None:
        """Live one life; what keeps it from being lived is told, and rested after."""
        try:
            await self._one_life()
        except Trouble as trouble:
            self._complain(trouble)
            await self._rest(_LONGEST_PAUSE)
        except Exception:  # noqa: BLE001 (the other processes are not to die of it)
            await self._begin_anew()

    async def _one_life(self) -> None:
        """Start (or adopt) the process and return when it has died and its remains are gone."""
        began = time.monotonic()
        process = await self._adopted_or_started()
        if process is None:
            return
        self.process = process
        self._buried.clear()
        # Without room for it the process lives on: its environment tells whose it is (endings).
        with suppress(OSError):
            process.record(self.folder.pid_file(self.part.name))
        async with watched(process) as died, asyncio.TaskGroup() as group:
            readying = group.create_task(self._become_ready(began))
            await died.wait()
            readying.cancel()
        was_ready = self.ready.is_set()
        cause = self._bury(process)
        if self._ending or self.held:
            return
        self.say(f"{self.part.name} {cause}; it is started again")
        if not was_ready:
            await self._rest(self._pause(cause))

    async def _begin_anew(self) -> None:
        """After a fault of ours: say all of it, end what runs, and wait before the next life."""
        text = traceback.format_exc()
        name = self.part.name
        self._complain(Trouble(f"{name}: a fault of the supervisor\n{text}", "report this fault"))
        if self.process is not None:
            await end(self.process, self._launched)
            self._bury(self.process)
        await self._rest(_LONGEST_PAUSE)

    async def _adopted_or_started(self) -> Process | None:
        """Return the process of this life; None: `end` came first."""
        if self.part.outlives:
            found = Process.recorded(self.folder.pid_file(self.part.name))
            if found is not None:
                self.why, self._launched = "is adopted", self.part.launch()
                return found
        self.why = "is prepared"
        if not await self._prepared():
            return None
        self.why = "starts"
        launch = self.part.launch()
        self._launched = launch.with_env({"LIENTHONG_STACK": str(self.folder.path)})
        self._child = start(self._launched, self.folder.log(self.part.name))
        # A child that is dead already is still there as long as nobody has waited for it.
        return Process.of(self._child.pid) or Process(self._child.pid, 0)

    async def _prepared(self) -> bool:
        """Prepare the part; False: `end` broke it off, as it may take minutes."""
        try:
            async with asyncio.timeout(None) as self._preparing:
                await self.part.prepare(lambda text: self.say(f"{self.part.name} {text}"))
        except TimeoutError:
            if not self._ending:
                raise
        finally:
            self._preparing = None
        return not self._ending

    async def _become_ready(self, began: float) -> None:
        while not self.ready.is_set():
            try:
                await self.part.check()
                await self.part.provision()
            except NotYet as reason:
                self.why = str(reason)
                await asyncio.sleep(0.1)
                continue
            self.why, self.trouble, self.early_deaths = "", None, 0
            self.ready.set()
        self.say(f"{self.part.name} is ready ({time.monotonic() - began:.1f} s)")

    def _bury(self, process: Process) -> str:
        """Clear what a dead process leaves; return what it died of."""
        status = self.bury_child()
        self.process = None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers, which nobody else would end
        with suppress(OSError):  # it names a dead process: nobody takes it for a living one
            self.folder.pid_file(self.part.name).unlink(missing_ok=True)
        self.ready.clear()
        self._buried.set()
        if status is None:
            return "has died"
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"

    def bury_child(self) -> int | None:
        """Take leave of the dead process, if it is a child of this one; return its status."""
        child, self._child = self._child, None
        return None if child is None else child.wait()

    def _pause(self, cause: str) -> float:
        """Return how long to wait after a death before it was ready: longer each time."""
        self.early_deaths += 1
        self.why = cause
        if self.early_deaths >= HOPELESS and self.trouble is None:
            log = self.folder.log(self.part.name)
            self._complain(
                Trouble(
                    f"{self.part.name} does not start; it {cause}. Its last lines:\n"
                    + last_lines(log),
                    f"see {log}; it is tried again and again until: make down",
                )
            )
        return min(_FIRST_PAUSE * 2 ** (self.early_deaths - 1), _LONGEST_PAUSE)

    def _complain(self, trouble: Trouble) -> None:
        self.why = trouble.what.splitlines()[0]
        known, self.trouble = self.trouble, trouble
        if known is None or str(known) != str(trouble):
            self.say(str(trouble))

    async def _rest(self, seconds: float | None) -> None:
        """Wait so long, or until somebody wants something else."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
