"""How long somebody waits for a file to be judged."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic


@dataclass(slots=True)
class Patience:
    """Seconds that the looks at one file may take together, while somebody waits for them.

    What a worker loads before it looks is no file's time, and is not counted.
    """

    seconds: float = math.inf

    @contextmanager
    def spent(self) -> Generator[None]:
        """Take the time of a `with` from it."""
        began = monotonic()
        try:
            yield
        finally:
            self.seconds -= monotonic() - began
