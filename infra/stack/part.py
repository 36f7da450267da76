"""What the supervisor can keep running: how a part is prepared, started and asked how it is."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from infra.stack.launch import Launch

Say: TypeAlias = Callable[[str], None]
"""Tells the person who started the stack what is going on."""


class NotYet(Exception):  # noqa: N818 (not an error: the same question is asked again)
    """A part does not answer yet. Text: why."""


class Part(Protocol):
    """One process of the stack."""

    @property
    def name(self) -> str:
        """Its name in pid files, logs and commands."""
        ...

    @property
    def address(self) -> str:
        """Where it listens."""
        ...

    @property
    def outlives(self) -> bool:
        """Whether it goes on without a supervisor and is adopted by the next one."""
        ...

    async def prepare(self, say: Say) -> None:
        """Make what it needs before it can start; raises Trouble when it cannot."""
        ...

    def launch(self) -> Launch:
        """Say how it is started."""
        ...

    async def check(self) -> None:
        """Return if it is healthy; raises NotYet with the reason if it is not."""
        ...

    async def provision(self) -> None:
        """Make in it what others expect, once it answers; raises NotYet to be asked again."""
        ...
