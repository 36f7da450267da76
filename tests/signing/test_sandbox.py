"""A worker process cannot reach the network, start programs, write files or use much memory."""

import asyncio
import hashlib
import os
import struct
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.pki.trusted import material
from services.signing import sandbox
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
    done = run("import json, decimal; print(len(open('/proc/self/status').read()) > 0)")
    assert done.stdout == "True\n"


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


async def test_a_worker_that_cannot_start_is_no_fault_of_the_file(papers: Papers) -> None:
    authorities = Authorities(papers.office.folder)
    present = at_present(authorities)
    async with Forks.open() as forks:
        worker = Worker(Limits(memory=1 << 70), forks)  # no such limit: it ends before it is ready
        await worker.warm()
        look = await worker.look(Path("any.pdf"), "0" * 64, present)
        assert (look.answer, look.end, worker.pid) == (None, "died", None)


def decide(program: bytes, *, audit: int, call: int, arguments: tuple[int, ...] = ()) -> int:
    """Run a filter as the kernel does: what it says of one system call."""
    lines = list(struct.iter_unpack("=HBBI", program))
    data = {0: call, 4: audit, **{16 + 8 * place: one for place, one in enumerate(arguments)}}
    loaded, place = 0, 0
    while True:
        operation, when_true, when_false, value = lines[place]
        if operation == 0x06:
            return value
        if operation == 0x20:
            loaded = data.get(value, 0)
            place += 1
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value}[operation]
            place += 1 + (when_true if holds else when_false)


ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050001, 0x80000000


@pytest.mark.parametrize("machine", sandbox.MACHINES)
def test_the_filter_refuses_exactly_what_is_listed(machine: str) -> None:
    program, known = sandbox.system_call_filter(machine), sandbox.MACHINES[machine]
    for call in range(500):
        expected = REFUSE if call in known.refused else ALLOW
        assert decide(program, audit=known.audit, call=call) == expected
    for call, place in known.opening:
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_TRUNC):
            given = (*[0] * place, flags)
            assert decide(program, audit=known.audit, call=call, arguments=given) == REFUSE
    assert decide(program, audit=known.audit, call=known.prlimit, arguments=(1,)) == REFUSE
    # Calls of another architecture, and x86-64's second numbering.
    assert decide(program, audit=known.audit ^ 1, call=0) == KILL
    assert decide(program, audit=known.audit, call=0x40000000 + 41) == KILL


def test_a_machine_that_is_not_listed_examines_nothing() -> None:
    with pytest.raises(sandbox.NoSandbox):
        sandbox.system_call_filter("vax")
