"""The state of one stack in one folder: addresses, secrets, pid files, logs."""

import json
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.stack.caches import alone
from infra.stack.trouble import Trouble

TREE = Path(__file__).resolve().parents[2]
"""The project's own folder."""

PARTS = ("postgres", "kafka", "jaeger")
SERVICES = ("docs", "signing", "notify", "gateway")
ATTENDANTS = ("provisioner",)
"""Processes that keep a part in order and serve nobody."""
PROCESSES = (*PARTS, *SERVICES, *ATTENDANTS)


def write_closed(path: Path, text: str) -> None:
    """Write a file anew that only its owner can read, from its first moment."""
    path.unlink(missing_ok=True)  # whoever holds an older, open one does not get this
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def kind_of(process: str) -> str:
    """Return what a process is one of: `docs` of `docs-2`, `kafka` of `kafka-3`."""
    return process.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Folder:
    """`$LIENTHONG_RUN`: everything a stack leaves behind lies here."""

    path: Path

    @classmethod
    def here(cls) -> "Folder":
        """Return the folder that LIENTHONG_RUN names, `.run` in the project if it names none."""
        named = os.environ.get("LIENTHONG_RUN", "").strip()
        return cls(Path(named).expanduser().resolve() if named else TREE / ".run")

    def make(self) -> None:
        """Create the folder and those that every part writes to."""
        try:
            for folder in (self.path, self.logs, self.path / "blobs"):
                folder.mkdir(parents=True, exist_ok=True)
            self.logs.chmod(0o700)
        except OSError as error:
            raise Trouble(
                f"the state folder {self.path} cannot be made: {error.strerror}",
                f"choose another one: {self.hint(self.path.name, elsewhere=True)} make up",
            ) from error

    @property
    def logs(self) -> Path:
        """Where each process has its log."""
        return self.path / "log"

    def log(self, process: str) -> Path:
        """Return the log of one process."""
        return self.logs / f"{process}.log"

    def pid_file(self, process: str) -> Path:
        """Return the file that names a process's pid and start time."""
        return self.path / f"{process}.pid"

    def hint(self, name: str, *, elsewhere: bool = False) -> str:
        """Return the words that make a command use this folder, or one beside it."""
        if elsewhere:
            return f"LIENTHONG_RUN={name}-2"
        return "" if self.path == TREE / ".run" else f"LIENTHONG_RUN={self.path}"

    def read(self, name: str) -> dict[str, object]:
        """Read one of the folder's JSON objects; an absent or broken one is empty."""
        try:
            content: object = json.loads((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return dict(content) if isinstance(content, dict) else {}  # pyright: ignore[reportUnknownArgumentType] (JSON has no types)

    def write(self, name: str, content: object, *, mode: int = 0o644) -> None:
        """Replace one of the folder's JSON files at once: a reader sees the old or the new."""
        temporary = self.path / f".{name}.{os.getpid()}.{threading.get_ident()}"
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w"
        ) as file:
            json.dump(content, file, ensure_ascii=False, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)

    def secret(self, name: str) -> str:
        """Return this stack's secret of that name, made at the first call."""
        return self._kept("secrets.json", name, lambda: secrets.token_urlsafe(18))

    def _kept(self, file: str, name: str, make: Callable[[], str]) -> str:
        if isinstance(value := self.read(file).get(name), str):
            return value
        # Parts are prepared in threads, side by side: each secret is made once, and none is lost.
        with alone(self.path / f"{file}.lock"):
            kept = self.read(file)
            if isinstance(value := kept.get(name), str):
                return value
            made = make()
            self.write(file, {**kept, name: made}, mode=0o600)
        return made
