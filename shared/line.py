"""Who stands in line for something, and since when."""

import time
from collections.abc import Generator
from contextlib import contextmanager


class Line:
    """Those who wait, first come first served."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._since: dict[object, float] = {}

    @property
    def longest(self) -> float:
        """Return for how many seconds the first one has waited; 0 when nobody waits."""
        first = next(iter(self._since.values()), None)
        return 0.0 if first is None else time.monotonic() - first

    @contextmanager
    def standing(self) -> Generator[None]:
        """Stand in line for the length of a `with`."""
        who = object()
        self._since[who] = time.monotonic()
        try:
            yield
        finally:
            del self._since[who]
