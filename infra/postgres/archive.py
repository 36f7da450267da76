"""Where PostgreSQL's backups lie, and how its write-ahead log gets there and back."""

import shlex
from dataclasses import dataclass
from pathlib import Path

PATIENCE = "60"
"""Seconds after which a piece of the log that is not full yet is kept all the same."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder with base backups and the log since the oldest of them.

    Nothing is kept before the first backup: without one the log would only fill the disk.
    """

    home: Path

    @property
    def bases(self) -> Path:
        """Where the base backups lie, one folder each."""
        return self.home / "base"

    @property
    def log(self) -> Path:
        """Where the pieces of the log lie, compressed."""
        return self.home / "wal"

    @property
    def begun(self) -> Path:
        """The file whose being there makes the server keep its log."""
        return self.home / "keep-wal"

    def folders(self) -> tuple[Path, ...]:
        """Return what has to be there, outermost first."""
        return self.home, self.bases, self.log

    def settings(self) -> dict[str, str]:
        """Return the settings of a server whose log is kept."""
        log, half, begun = _quoted(self.log), _quoted(self.log / ".half-"), _quoted(self.begun)
        # A piece counts as kept once it lies on the disk under its own name.
        keep = f"gzip -1 <%p >{half}%f && sync {half}%f && mv {half}%f {log}/%f.gz && sync {log}"
        command = f"test ! -e {begun} || test -s {log}/%f.gz || ({keep})"
        return {"archive_mode": "on", "archive_command": command}

    def fetch_command(self) -> str:
        """Return the `restore_command` of a server that is brought up from here."""
        log = _quoted(self.log)
        return f"test -s {log}/%f.gz && gzip -dc {log}/%f.gz >%p"


def _quoted(path: Path) -> str:
    """Return a path for a shell inside a setting in which `%` begins a placeholder."""
    return shlex.quote(str(path)).replace("%", "%%")
