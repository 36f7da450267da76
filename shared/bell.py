"""Bells: what a commit rings, so that waiting work begins at once instead of at its next look."""

import asyncio
from weakref import WeakSet


class Listener:
    """One task's ear on a bell; does not hear what its own task rings."""

    def __init__(self) -> None:
        """Belong to the present task."""
        self._task = asyncio.current_task()
        self._event = asyncio.Event()

    def hear(self) -> None:
        """Note a ring, unless it is our own."""
        if asyncio.current_task() is not self._task:
            self._event.set()

    async def rung(self, *, timeout: float) -> None:  # noqa: ASYNC109 (a wait, not a deadline)
        """Return when the bell has rung since the last call, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class Bell:
    """Rung after every commit that wrote: wakes clearing, numbering and others at once."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._listeners: WeakSet[Listener] = WeakSet()

    def ring(self) -> None:
        """Wake every listener; never blocks."""
        for listener in self._listeners:
            listener.hear()

    def listen(self) -> Listener:
        """Return a new listener of the present task."""
        listener = Listener()
        self._listeners.add(listener)
        return listener
