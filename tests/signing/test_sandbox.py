"""A worker process cannot reach the network, start programs, open files or use much memory."""

import asyncio
import hashlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop

from infra.pki.trusted import material
from services.signing import landlock
from services.signing.forks import Forks
from services.signing.keys import Authorities
from services.signing.pool import Limits, Present, Worker
from tests.fixtures.papers import Papers

_ENTER = (
    "import os; from services.signing import sandbox;"
    " sandbox.enter(memory=512 << 20, parent=os.getppid())\n"
)

REFUSED = {
    "open a socket": "import socket; socket.socket()",
    "open a local socket": "import socket; socket.socket(socket.AF_UNIX)",
    "open a socket pair": "import socket; socket.socketpair()",
    "use an inherited socket": "s.connect(('127.0.0.1', 9))",
    "start a program": "os.execv('/bin/true', ['true'])",
    "start a process": "os.fork()",
    "signal its parent": "os.kill(os.getppid(), 9)",
    "slow its parent": "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
    "limit its parent": "import resource; resource.prlimit(os.getppid(), 7, (0, 0))",
    "remove a file": "os.unlink('/nowhere')",
    "rename a file": "os.rename('/nowhere', '/elsewhere')",
    "make a folder": "os.mkdir('/nowhere')",
    "end an inherited connection": "s.shutdown(2)",
    "lock a file that others lock": "import fcntl; fcntl.flock(0, fcntl.LOCK_SH)",
    "have its parent signalled": "import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
    "have signals sent": "import fcntl; fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC)",
    "have signals sent otherwise": "import fcntl; fcntl.ioctl(0, 0x5452, b'\\1\\0\\0\\0')",
    "type into its terminal": "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",
    "mark a file": "os.setxattr('/nowhere', 'user.x', b'x')",
    "change a file's times": "os.utime('/nowhere')",
    "change a file's mode": "os.chmod('/nowhere', 0)",
    "change a file's owner": "os.chown('/nowhere', 0, 0)",
    "cut a file": "os.truncate('/nowhere', 0)",
    "make a pipe with a name": "os.mkfifo('/nowhere')",
    "make a file in memory": "os.memfd_create('x')",
    "take hold of its parent": "os.pidfd_open(os.getppid())",
}


def run(code: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run Python code that locks itself up first; `before` runs while it may do everything."""
    early = "import socket\ns = socket.socket()\n" if code.startswith("s.") else before + "\n"
    return subprocess.run(
        [sys.executable, "-c", early + _ENTER + code], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("what", REFUSED)
def test_a_locked_up_process_cannot(what: str) -> None:
    done = run(REFUSED[what])
    assert done.returncode == 1
    assert "PermissionError: [Errno 1] Operation not permitted" in done.stderr


def test_a_locked_up_process_cannot_start_threads() -> None:
    done = run("import threading; threading.Thread(target=print).start()")
    assert "can't start new thread" in done.stderr


@pytest.mark.parametrize("mode", ["w", "a", "r+", "x"])
def test_a_locked_up_process_cannot_open_files_for_writing(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x"
    if mode != "x":
        path.write_text("as it was", encoding="utf-8")
    done = run(f"open({str(path)!r}, {mode!r})")
    assert "PermissionError" in done.stderr
    assert path.exists() == (mode != "x")


def test_a_locked_up_process_cannot_write_files_that_were_open(tmp_path: Path) -> None:
    done = run(
        "os.write(written, b'x')",
        before=f"import os; written = os.open({str(tmp_path / 'x')!r}, 66)",
    )
    assert "File too large" in done.stderr


def test_a_locked_up_process_cannot_use_much_memory() -> None:
    done = run("bytearray(1 << 30)")
    assert "MemoryError" in done.stderr


def test_a_locked_up_process_may_still_read_and_compute() -> None:
    done = run(
        "import decimal, fractions, zoneinfo; print(zoneinfo.ZoneInfo('Asia/Ho_Chi_Minh').key)"
    )
    assert (done.stdout, done.stderr) == ("Asia/Ho_Chi_Minh\n", "")


def _secrets(folder: Path) -> list[str]:
    key = folder / "issuing.key.pem"
    key.write_text("a key", encoding="utf-8")
    return [f"open({str(key)!r})", f"os.listdir({str(folder)!r})", "open('/proc/self/environ')"]


def test_a_locked_up_process_reads_nothing_but_code(tmp_path: Path) -> None:
    """Where the kernel has no Landlock it may, which the log says (`test_forks.py`)."""
    for secret in _secrets(tmp_path):
        assert ("PermissionError" in run(secret).stderr) == (landlock.version() > 0), secret


def test_without_landlock_the_rest_of_the_lock_holds(tmp_path: Path) -> None:
    before = "from services.signing import landlock; landlock.version = lambda: 0"
    for secret in _secrets(tmp_path):
        assert run(secret, before).stderr == ""
    assert "PermissionError" in run("os.unlink('/nowhere')", before).stderr


def test_what_was_open_stays_readable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("given", encoding="utf-8")
    given = f"import os; given = os.open({str(tmp_path / 'file')!r}, os.O_RDONLY)"
    assert run("print(os.read(given, 9))", given).stdout == "b'given'\n"


def test_cpu_time_is_limited_per_file() -> None:
    done = run("sandbox.allow_cpu(0)\nwhile True: pass")
    assert done.returncode == -24  # SIGXCPU


def at_present(authorities: Authorities) -> Present:
    """Return what is trusted, without any list."""
    made = material(authorities.der("root"), authorities.der("issuing"), ())
    return Present(made, datetime.now(UTC))


async def test_the_worker_itself_is_locked_up(papers: Papers) -> None:
    authorities = Authorities(papers.office.folder)
    present = at_present(authorities)
    path = papers.run / "unsigned.pdf"
    await asyncio.to_thread(path.write_bytes, papers.letter.pdf)
    async with Forks.open() as forks:
        worker = Worker(Limits(memory=400 << 20), forks)
        await worker.look(path, hashlib.sha256(papers.letter.pdf).hexdigest(), present)
        proc = Path(f"/proc/{worker.pid}")
        status = (proc / "status").read_text()
        assert "NoNewPrivs:\t1\n" in status
        assert "Seccomp:\t2\n" in status
        assert f"Max address space         {400 << 20}" in (proc / "limits").read_text()
        environment = (proc / "environ").read_bytes()
        assert b"SIGNING_" not in environment


async def test_a_worker_is_replaced_after_its_share_of_files(papers: Papers) -> None:
    present = at_present(Authorities(papers.office.folder))
    path = papers.run / "letter.pdf"
    await asyncio.to_thread(path.write_bytes, papers.letter.pdf)
    digest = hashlib.sha256(papers.letter.pdf).hexdigest()
    pids: list[int | None] = []
    async with Forks.open() as forks:
        worker = Worker(Limits(files=2), forks)
        for _ in range(4):
            look = await worker.look(path, digest, present)
            assert look.answer
            assert look.answer.finding
            pids.append(worker.pid)
    first, none, second, ended = pids
    assert (none, ended) == (None, None)
    assert first != second


async def test_a_worker_that_cannot_start_is_no_fault_of_the_file(
    papers: Papers, tmp_path: Path
) -> None:
    authorities = Authorities(papers.office.folder)
    present = at_present(authorities)
    path = tmp_path / "any.pdf"
    path.write_bytes(b"%PDF-1.7\n")
    async with Forks.open() as forks:
        worker = Worker(Limits(memory=1 << 70), forks)  # no such limit: it ends before it is ready
        await worker.warm()
        look = await worker.look(path, "0" * 64, present)
        assert (look.answer, look.end, worker.pid) == (None, "died", None)


def test_a_worker_is_handed_files_on_the_loop_that_the_services_run_on(
    papers: Papers, tmp_path: Path
) -> None:
    present = at_present(Authorities(papers.office.folder))
    (tmp_path / "letter.pdf").write_bytes(papers.letter.pdf)

    async def use() -> None:
        async with Forks.open() as forks:
            worker = Worker(Limits(), forks)
            for _ in range(40):  # more than it may have open
                digest = hashlib.sha256(papers.letter.pdf).hexdigest()
                look = await worker.look(tmp_path / "letter.pdf", digest, present)
                assert look.answer
                assert look.answer.finding
            await worker.end()

    uvloop.run(use())


async def test_a_file_that_cannot_be_opened_or_read_is_the_stores_fault(
    papers: Papers, tmp_path: Path
) -> None:
    present = at_present(Authorities(papers.office.folder))
    path = tmp_path / "file.pdf"
    path.write_bytes(papers.letter.pdf)
    async with Forks.open() as forks:
        worker = Worker(Limits(), forks)
        missing = await worker.look(tmp_path / "nowhere.pdf", "0" * 64, present)
        other = await worker.look(path, "0" * 64, present)
        good = await worker.look(path, hashlib.sha256(papers.letter.pdf).hexdigest(), present)
    assert (missing.failure, missing.cause) == ("store", "FileNotFoundError")
    assert (other.failure, other.altered) == ("store", True)
    assert good.answer
    assert good.answer.finding
