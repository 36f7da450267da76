"""One backup or restore at a time: each removes what it takes for left behind by another one."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager

from infra.postgres.archive import Archive
from infra.stack.trouble import Trouble


@contextmanager
def alone(archive: Archive, what: str) -> Generator[None]:
    """Hold the archive for the length of a `with`; a death lets it go.

    Raises Trouble at once, with the name of the other one, when it is held.
    """
    with (archive.home / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read() or "another one"
            raise Trouble(f"{other} is at work here", "try again when it has ended") from None
        file.truncate(0)
        file.write(what)
        file.flush()
        yield
