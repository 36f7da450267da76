"""The supervisor's life as a daemon: one per folder, from its start until all has been ended."""

import asyncio
import fcntl
import os
import signal

from infra.stack import endings
from infra.stack.alive import Process
from infra.stack.commands import open_door
from infra.stack.folder import Folder
from infra.stack.logs import kept_short
from infra.stack.sockets import Sockets
from infra.stack.supervisor import Supervisor


async def supervise(folder: Folder) -> None:
    """Be the supervisor of a folder until everything has been ended."""
    await endings.end_left_behind(folder, parts=False)
    adopted = [found for _, found in endings.left_behind(folder, parts=True)]
    await endings.end_strays(folder, spare=adopted)
    async with asyncio.TaskGroup() as group:
        supervisor = Supervisor(folder, group, Sockets(folder))
        group.create_task(kept_short(folder, supervisor.over))
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, lambda: group.create_task(supervisor.down()))
        async with await open_door(supervisor):
            await supervisor.over.wait()


def be_supervisor(folder: Folder) -> int:
    """Run as the one supervisor of a folder; a second one ends at once."""
    lock = (folder.path / "supervisor.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    myself = Process.of(os.getpid())
    if myself is not None:
        myself.record(folder.pid_file("supervisor"))
    asyncio.run(supervise(folder))
    folder.pid_file("supervisor").unlink(missing_ok=True)
    return 0
