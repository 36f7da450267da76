"""Locks a worker process up: no network, no other programs, little memory, few files."""

import ctypes
import os
import platform
import resource
import signal
import struct
import sysconfig
from pathlib import Path

from services.signing import landlock
from services.signing.calls import MACHINES, Asked

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE = 0x00050000 | 1  # SECCOMP_RET_ERRNO | EPERM
_NUMBER, _ARCHITECTURE, _ARGUMENTS, _ARGUMENT_BYTES = 0, 4, 16, 8  # struct seccomp_data
_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_X32 = 0x40000000
_CODE = Path(__file__).parents[2]
_READABLE = (
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    # Not all of the tree: keys and files may lie in it, too.
    *(_CODE / package for package in ("services", "shared")),
    *(Path("/", name) for name in ("lib", "lib64", "usr/lib", "usr/lib64", "etc/ld.so.cache")),
    *(Path("/", name) for name in ("usr/share/zoneinfo", "etc/localtime", "etc/timezone")),
)
"""Code that is loaded at its first use, the libraries that it needs, and time zones."""


class NoSandbox(Exception):  # noqa: N818
    """The kernel does not let us lock the worker up; then no file may be looked at."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def enter(*, memory: int, parent: int) -> None:
    """Give up network, other processes and writing, and all memory above `memory` bytes.

    Where the kernel has Landlock, nothing is opened any more but code, libraries and time zones.
    The process dies with `parent`. Everything that needs a socket (an event loop) or starts
    threads must exist already. Raises NoSandbox.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    libc = ctypes.CDLL(None, use_errno=True)
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise NoSandbox("the parent died before")
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    try:
        landlock.confine(_READABLE)
    except OSError as error:
        raise NoSandbox(f"Landlock: {error}") from None
    program = system_call_filter(platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    parameters = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(libc, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(parameters))


def allow_cpu(seconds: int) -> None:
    """Let this process use `seconds` more of CPU time; past that SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def system_call_filter(machine: str) -> bytes:
    """Return the BPF program for a machine. Raises NoSandbox for one that is not listed."""
    known = MACHINES.get(machine)
    if known is None:
        raise NoSandbox(f"no list of system calls for {machine}")
    asked = [line for call in known.asked for line in _by_value(call)]
    asked += [line for call in known.opening for line in _for_reading(call)]
    to_allowance = len(known.allowed) + len(asked)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, known.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        # Each jumps to the last line when it matches.
        *((_EQUAL, to_allowance - place, 0, call) for place, call in enumerate(known.allowed)),
        *asked,
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


_Line = tuple[int, int, int, int]


def _by_value(call: Asked) -> tuple[_Line, ...]:
    """Return the lines that allow a call when an argument is one of some values."""
    most = len(call.values)
    return _decided(
        call, *((_EQUAL, most - place, 0, value) for place, value in enumerate(call.values))
    )


def _for_reading(call: Asked) -> tuple[_Line, ...]:
    """Return the lines that allow a call when its flags open nothing for writing."""
    return _decided(call, (_ANY_BIT, 0, 1, _FOR_WRITING))


def _decided(call: Asked, *tests: _Line) -> tuple[_Line, ...]:
    """Return the lines that decide about a call: `tests` jump to the last one, or refuse it."""
    return (
        (_EQUAL, 0, len(tests) + 3, call.number),
        (_LOAD, 0, 0, _ARGUMENTS + _ARGUMENT_BYTES * call.place),
        *tests,
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *words) != 0:
        raise NoSandbox(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
