"""Locks a worker process up: no network, no other programs, little memory, little time."""

import ctypes
import os
import platform
import resource
import signal
import struct
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Machine:
    """How system calls are numbered there, and which of them a worker may not make."""

    audit: int
    """AUDIT_ARCH_…: what the filter sees as the architecture of a call."""
    refused: tuple[int, ...]
    prlimit: int
    """Allowed for the process itself alone."""
    opening: tuple[tuple[int, int], ...]
    """Calls that open a file, each with the place of its flags: allowed for reading alone."""


# Sockets of every kind, io_uring (which does their work unseen), other programs and processes:
# making, signalling, reading, slowing or limiting them; files: making, changing, removing them.
_BOTH = (424, 425, 426, 427, 435, 437, 438, 452)
"""pidfd_send_signal, io_uring ×3, clone3, openat2, pidfd_getfd, fchmodat2: the same everywhere."""
MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        (
            *(*range(41, 51), 53),  # socket … recvmsg, shutdown, bind, listen, socketpair
            *(288, 299, 307),  # accept4, recvmmsg, sendmmsg
            *(56, 57, 58, 59, 322),  # clone, fork, vfork, execve, execveat
            *(62, 200, 234, 129, 297),  # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(101, 310, 311, 157),  # ptrace, process_vm_… ×2, prctl
            *(141, 142, 144, 203, 314),  # setpriority, sched_set…: param, scheduler, affinity, attr
            *(76, *range(82, 89)),  # truncate, rename, mkdir, rmdir, creat, link, unlink, symlink
            *(*range(90, 95), 133, *range(258, 261)),  # chmod … lchown, mknod, mkdirat … fchownat
            *(
                *range(263, 267),
                268,
                280,
                316,
            ),  # unlinkat … symlinkat, fchmodat, utimensat, renameat2
            *_BOTH,
        ),
        prlimit=302,
        opening=((2, 1), (257, 2)),  # open, openat
    ),
    "aarch64": Machine(
        0xC00000B7,
        (
            *(*range(198, 204), 206, 207, *range(210, 213)),  # socket …, send…, shutdown, recvmsg
            *(242, 243, 269),  # accept4, recvmmsg, sendmmsg
            *(220, 221, 281),  # clone, execve, execveat
            *(129, 130, 131, 138, 240),  # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(117, 270, 271, 167),  # ptrace, process_vm_… ×2, prctl
            *(118, 119, 122, 140, 274),  # sched_set…: param, scheduler, affinity; setpriority, attr
            *range(33, 39),  # mknodat, mkdirat, unlinkat, symlinkat, linkat, renameat
            *(45, *range(52, 56), 88, 276),  # truncate, fchmod … fchown, utimensat, renameat2
            *_BOTH,
        ),
        prlimit=261,
        opening=((56, 2),),  # openat
    ),
}


class NoSandbox(Exception):  # noqa: N818
    """The kernel does not let us lock the worker up; then no file may be looked at."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def enter(*, memory: int, parent: int) -> None:
    """Give up network, other processes and writing, and all memory above `memory` bytes.

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
    asked = [
        *_asked(known.prlimit, 0, (_EQUAL, 0, 1, 0)),
        *(line for call, place in known.opening for line in _asked(call, place, _READING)),
    ]
    to_refusal = len(known.refused) + len(asked)
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, known.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        # Each jumps to the last line when it matches.
        *((_EQUAL, to_refusal - place, 0, call) for place, call in enumerate(known.refused)),
        *asked,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


_Line = tuple[int, int, int, int]
_READING: _Line = (_ANY_BIT, 1, 0, _FOR_WRITING)


def _asked(call: int, place: int, test: _Line) -> tuple[_Line, ...]:
    """Return the lines that allow a call by one argument's lower half: `test` jumps over one."""
    return (
        (_EQUAL, 0, 4, call),
        (_LOAD, 0, 0, _ARGUMENTS + _ARGUMENT_BYTES * place),
        test,
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(ctypes.c_int(option), *words) != 0:
        raise NoSandbox(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
