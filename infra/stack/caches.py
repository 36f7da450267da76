"""Where things that are made once for this machine lie: outside the tree, shared by its clones."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def cache(name: str) -> Path:
    """Return (and make) a folder of that name in this user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "lienthong" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(lock: Path) -> Generator[None]:
    """Hold a file lock: two stacks that start at once make a cached thing once."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
