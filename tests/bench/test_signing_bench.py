"""The bench of judgements: its queue, its figures, and the smallest run."""

import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from infra.bench import judged
from infra.bench.poison import Window
from infra.bench.waiting import BAD, GOOD, File, Queue
from infra.stack.folder import TREE
from services.signing.pipe import Answer
from services.signing.pool import Look


def _file(agency: UUID, name: str) -> File:
    return File(agency, Path(name), "", 0.0)


def _names(queue: Queue, count: int, *without: UUID) -> list[str]:
    found = [queue.claim(without) for _ in range(count)]
    return [file.path.name if file else "-" for file in found]


async def test_senders_take_turns_and_the_oldest_file_comes_first():
    queue = Queue()
    for name in ("a1", "a2", "a3"):
        queue.put(_file(BAD, name))
    queue.put(_file(GOOD, "b1"))
    assert _names(queue, 5) == ["a1", "b1", "a2", "a3", "-"]


async def test_who_has_to_wait_is_passed_over():
    queue = Queue()
    queue.put(_file(BAD, "a1"))
    queue.put(_file(GOOD, "b1"))
    assert _names(queue, 2, BAD) == ["b1", "-"]


async def test_a_file_that_met_limits_waits_again_in_front():
    queue = Queue()
    for name in ("a1", "a2"):
        queue.put(_file(BAD, name))
    first = queue.claim()
    assert first is not None
    queue.settle(first, Look(Answer(None, "memory")))
    again = queue.claim()
    assert again is first
    assert first.strikes == 1
    assert queue.rung.is_set()


def _window(*seconds: float, due: int | None = None) -> Window:
    return Window(len(seconds) if due is None else due, list(seconds), ["memory"])


def test_what_was_never_judged_counts_as_a_minute():
    row = judged.delayed("now", [_window(0.1, 0.1)], [_window(0.1, due=2)], promised=True)
    assert row["delay"] == pytest.approx(100 * (30.05 / 0.1 - 1))
    assert row["ends"] == {"memory": 1}


def _told(**changed: float) -> judged.Json:
    kind = {"name": "x", "per_core": 40.0, "floor_per_core": 50.0, "ratio": 0.8}
    kind |= {"p50_ms": 20.0, "p99_ms": 30.0, "cpu_p99_ms": 29.0}
    kind |= {"crypto_per_core": 800.0, "crypto_ratio": 0.05}
    kept = {"files": 999, "begun": 70.0, "half": 71.0, "end": 71.0, "most": 80.0}
    beside = judged.delayed("now", [_window(0.1, 0.1)], [_window(0.105, 0.105)], promised=True)
    for row in (kind, kept, beside):
        row.update({name: value for name, value in changed.items() if name in row})
    return {"kinds": [kind], "cold": [], "memory": kept, "beside": [beside]}


def test_the_last_line_tells_the_lowest_ratio_and_the_delay():
    line = "BENCH SIGNING per_core=40.0 ratio=0.80 p99_ms=30.0 rss_mb=80 poison_delay=5.0%"
    assert judged.summary(_told()) == f"{line} crypto_floor_ratio=0.050"
    assert "| x | 40.0 | 50.0 | 0.80 | 800 | 0.050 | 20.0 | 30.0 |" in judged.table(_told())


def test_ratios_are_floor_to_judgement():
    found = {"judge": [0.02, 0.02], "library": [0.03, 0.03], "crypto": [0.001] * 2}
    row = judged.compared("x", {**found, "clock": [0.021, 0.021]})
    assert row["per_core"] == pytest.approx(50)
    assert row["ratio"] == pytest.approx(1.5)
    assert row["crypto_ratio"] == pytest.approx(0.05)


@pytest.mark.parametrize("changed", [{"ratio": 0.69}, {"end": 90.0}, {"delay": 10.1}])
def test_an_aim_that_is_missed_fails_the_run(changed: dict[str, float]):
    assert judged.sound(_told())
    assert not judged.sound(_told(**changed))


def test_a_delay_at_any_door_counts_and_one_without_a_promise_does_not():
    told = _told()
    worse = judged.delayed("x", [_window(0.1)], [_window(0.2)], promised=False)
    told["beside"].append(worse)
    assert judged.sound(told)
    told["beside"].append({**worse, "promised": True})
    assert not judged.sound(told)
    assert "poison_delay=100.0% " in judged.summary(told)


@pytest.mark.timeout(360)
def test_the_smallest_run_measures_everything():
    done = subprocess.run(
        [sys.executable, "-m", "infra.bench.signing", "--tiny"],
        cwd=TREE,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    last = done.stdout.splitlines()[-1]
    names = ("per_core", "ratio", "p99_ms", "rss_mb", "poison_delay", "crypto_floor_ratio")
    assert re.fullmatch("BENCH SIGNING" + "".join(rf" {name}=[-\d.]+%?" for name in names), last)
