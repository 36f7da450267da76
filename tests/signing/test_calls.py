"""The filter of system calls, run as the kernel runs it: what it allows, and what it never does."""

import os
import struct

import pytest

from services.signing import sandbox
from services.signing.calls import MACHINES, Asked, Machine


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


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_allows_exactly_what_is_listed(machine: str) -> None:
    program, known = sandbox.system_call_filter(machine), MACHINES[machine]
    asked = {one.number for one in (*known.asked, *known.opening)}
    assert not asked & set(known.allowed)
    for call in set(range(1_000)) - asked:
        expected = ALLOW if call in known.allowed else REFUSE
        assert decide(program, audit=known.audit, call=call) == expected
    for one in known.opening:
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT, os.O_TRUNC):
            assert decide_on(program, known, one, flags) == REFUSE
        assert decide_on(program, known, one, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for one in known.asked:
        for value in (*range(2_000), *range(0x5400, 0x5460), 0x8901, 0x8902):
            assert decide_on(program, known, one, value) == (
                ALLOW if value in one.values else REFUSE
            )
    # Calls of another architecture, and x86-64's second numbering.
    assert decide(program, audit=known.audit ^ 1, call=0) == KILL
    assert decide(program, audit=known.audit, call=0x40000000 + 41) == KILL


def decide_on(program: bytes, known: Machine, asked: Asked, value: int) -> int:
    """Run a filter on a call with a value in the argument that it is decided by."""
    given = (*[0] * asked.place, value)
    return decide(program, audit=known.audit, call=asked.number, arguments=given)


NEVER = {
    "socket": (41, 198),
    "connect": (42, 203),
    "sendmsg": (46, 211),
    "clone": (56, 220),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setattr": (314, 274),
    "flock": (73, 32),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "utimensat": (280, 88),
    "fchmod": (91, 52),
    "fchown": (93, 55),
    "ftruncate": (77, 46),
    "mknodat": (259, 33),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "mount": (165, 40),
    "setns": (308, 268),
    "unshare": (272, 97),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "prctl": (157, 167),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "clone3": (435, 435),
    "openat2": (437, 437),
    "pidfd_getfd": (438, 438),
    "setxattrat": (463, 463),
    "file_setattr": (469, 469),
}
"""What would reach another process or a file, by x86-64 and by the numbers of the others."""


@pytest.mark.parametrize("name", NEVER)
def test_no_list_has_what_reaches_others(name: str) -> None:
    for machine, call in zip(("x86_64", "aarch64"), NEVER[name], strict=True):
        known = MACHINES[machine]
        program = sandbox.system_call_filter(machine)
        assert decide(program, audit=known.audit, call=call) == REFUSE


def test_a_machine_that_is_not_listed_examines_nothing() -> None:
    with pytest.raises(sandbox.NoSandbox):
        sandbox.system_call_filter("vax")
