"""What tells a restore to end: it then undoes what it has begun, as it does at Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable


async def interruptible(work: Awaitable[None]) -> None:
    """Have SIGTERM and a lost terminal cancel the work, as SIGINT does.

    Once only: a second one would break off what undoes it. What `nohup` keeps away stays away.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def interrupt() -> None:
        if task is not None and not task.cancelling():
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, interrupt)
    await work
