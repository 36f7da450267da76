"""Logs that are kept short while their processes go on writing."""

import os
import tracemalloc
from pathlib import Path

import pytest

from infra.stack.logs import last_lines, shorten, tail


def test_a_log_that_is_too_long_is_emptied_and_its_last_whole_lines_stay_beside_it(tmp_path: Path):
    log = tmp_path / "docs.log"
    with log.open("ab", buffering=0) as process:
        process.write(b"".join(b"line %d\n" % number for number in range(100)))
        shorten(log, most=100, kept=20)
        process.write(b"goes on\n")
    assert (tmp_path / "docs.log.1").read_text() == "line 98\nline 99\n"
    assert log.read_text() == "goes on\n"


def test_a_log_that_is_short_is_left_alone(tmp_path: Path):
    log = tmp_path / "docs.log"
    log.write_bytes(b"x" * 100)
    shorten(log, most=100, kept=20)
    shorten(tmp_path / "none.log")
    assert log.read_bytes() == b"x" * 100
    assert [*tmp_path.iterdir()] == [log]


def test_a_log_whose_end_cannot_be_set_aside_is_emptied_all_the_same(tmp_path: Path):
    log = tmp_path / "docs.log"
    log.write_bytes(b"x\n" * 100)
    (tmp_path / "docs.log.1").mkdir()
    with pytest.raises(OSError, match=r"docs\.log\.1"):
        shorten(log, most=100, kept=20)
    assert log.read_bytes() == b""


def test_the_end_of_a_long_log_is_read_without_the_rest(tmp_path: Path):
    log = tmp_path / "docs.log"
    log.touch()
    os.truncate(log, 64 << 20)
    with log.open("ab") as process:
        process.write(b"\none\ntwo\n")
    tracemalloc.start()
    assert last_lines(log, 2) == "    one\n    two"
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1 << 20


def test_what_is_not_there_has_no_lines(tmp_path: Path):
    assert tail(tmp_path / "none.log", 100) == b""
    assert last_lines(tmp_path / "none.log") == "    (none)"
