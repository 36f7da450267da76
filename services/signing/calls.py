"""The system calls that a worker may make, and how they are numbered: all others are refused."""

from dataclasses import dataclass

_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 0, 1, 2, 3, 1030
_TCGETS, _FIONCLEX, _FIOCLEX = 0x5401, 0x5450, 0x5451


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is allowed by one of its arguments."""

    number: int
    place: int
    """Of that argument, from 0; its lower half is looked at: all these are 32 bits wide."""
    values: tuple[int, ...] = ()
    """What it may be."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The calls of a worker by their numbers on one architecture."""

    audit: int
    """AUDIT_ARCH_…: what the filter sees as the architecture of a call."""
    allowed: tuple[int, ...]
    asked: tuple[Asked, ...]
    opening: tuple[Asked, ...]
    """Calls that open a file, each with the place of its flags: allowed for reading alone."""


def _asked(*, prlimit: int, fcntl: int, ioctl: int) -> tuple[Asked, ...]:
    return (
        Asked(prlimit, 0, (0,)),  # its own limits
        # No locks that a service would wait for, and no signals to whoever is made the owner.
        Asked(fcntl, 1, (_F_DUPFD, _F_GETFD, _F_SETFD, _F_GETFL, _F_DUPFD_CLOEXEC)),
        Asked(ioctl, 1, (_TCGETS, _FIONCLEX, _FIOCLEX)),
    )


MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        (
            *(0, 1, 3, 8, 17, 19, 20),  # read, write, close, lseek, pread64, readv, writev
            *(47, 32),  # recvmsg (a file comes as a descriptor), dup
            *(4, 5, 6, 262, 332),  # stat, fstat, lstat, newfstatat, statx
            *(21, 269, 439, 89, 267, 79, 217),  # access ×3, readlink ×2, getcwd, getdents64
            *(9, 10, 11, 12, 25, 28),  # mmap, mprotect, munmap, brk, mremap, madvise
            *(13, 14, 15, 131, 219),  # rt_sigaction, …procmask, …return, sigaltstack, restart
            *(202, 273, 334, 318),  # futex, set_robust_list, rseq, getrandom
            *(39, 186, 110, 102, 104, 107, 108),  # get: pid, tid, ppid, uid, gid, euid, egid
            *(97, 98, 63, 99, 100),  # getrlimit, getrusage, uname, sysinfo, times
            *(204, 309),  # sched_getaffinity, getcpu
            *(24, 35, 230, 228, 229, 96, 201),  # sched_yield, sleep ×2, clock ×2, time ×2
            *(60, 231),  # exit, exit_group
        ),
        _asked(prlimit=302, fcntl=72, ioctl=16),
        opening=(Asked(2, 1), Asked(257, 2)),  # open, openat
    ),
    "aarch64": Machine(
        0xC00000B7,
        (
            *(63, 64, 57, 62, 67, 65, 66),  # read, write, close, lseek, pread64, readv, writev
            *(212, 23),  # recvmsg (a file comes as a descriptor), dup
            *(80, 79, 291),  # fstat, newfstatat, statx
            *(48, 439, 78, 17, 61),  # faccessat ×2, readlinkat, getcwd, getdents64
            *(222, 226, 215, 214, 216, 233),  # mmap, mprotect, munmap, brk, mremap, madvise
            *(134, 135, 139, 132, 128),  # rt_sigaction, …procmask, …return, sigaltstack, restart
            *(98, 99, 293, 278),  # futex, set_robust_list, rseq, getrandom
            *(172, 178, 173, 174, 176, 175, 177),  # get: pid, tid, ppid, uid, gid, euid, egid
            *(163, 165, 160, 179, 153),  # getrlimit, getrusage, uname, sysinfo, times
            *(123, 168),  # sched_getaffinity, getcpu
            *(124, 101, 115, 113, 114, 169),  # sched_yield, sleep ×2, clock ×2, time
            *(93, 94),  # exit, exit_group
        ),
        _asked(prlimit=261, fcntl=25, ioctl=29),
        opening=(Asked(56, 2),),  # openat
    ),
}
