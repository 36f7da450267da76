"""What a process may still open: Landlock, where the kernel has it (landlock(7), Linux 5.13)."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls; the same numbers everywhere."""
_VERSION = 1
"""LANDLOCK_CREATE_RULESET_VERSION."""
_BENEATH = 1
"""LANDLOCK_RULE_PATH_BENEATH."""
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights in the file system each version knows; later ones: 16."""
_NETWORK, _SCOPED = 4, 6
"""The versions from which on TCP, and signals and abstract sockets, are refused, too."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that the kernel has; 0: none, or it is switched off."""
    try:
        return _call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def confine(readable: Iterable[Path]) -> bool:
    """Open nothing from now on but, for reading, what lies at or beneath some places.

    What is open already stays open. Needs no_new_privs. False: this kernel has no Landlock, and
    nothing has changed. Raises OSError.
    """
    known = version()
    if not known:
        return False
    handled = _Ruleset(
        (1 << _RIGHTS.get(known, 16)) - 1,
        0b11 if known >= _NETWORK else 0,
        0b11 if known >= _SCOPED else 0,
    )
    # An older kernel takes the longer structure where what it does not know is zero.
    ruleset = _call(_CREATE, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    try:
        for place in readable:
            _allow(ruleset, place)
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, place: Path) -> None:
    try:
        opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be read
    try:
        rights = _READ_FILE | (_READ_DIR if place.is_dir() else 0)
        rule = _Beneath(rights, opened)
        _call(_ADD, ruleset, _BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    done: int = libc.syscall(ctypes.c_long(number), *words)
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return done
