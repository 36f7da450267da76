"""The floors of the bench of judgements, its kinds of files, and the worker that is weighed."""

import asyncio
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bench.bare import Bare, Library
from infra.bench.ground import KINDS, Ground, Level, prepare
from infra.bench.lines import Paper
from infra.bench.versus import Given, pairs, told
from infra.bench.worker import memory
from infra.stack.folder import TREE
from services.signing.finding import Finding
from services.signing.pool import Present
from services.signing.validation.file import validate
from services.signing.validation.trust import Trust

_ALONE = """
import runpy, sys
sys.modules["services"] = sys.modules["shared"] = None
runpy.run_module("infra.bench.bare", run_name="__main__", alter_sys=True)
"""
_MIB = 1 << 20
_LEVELS: tuple[Level, ...] = ("B-B", "B-T", "B-LTA", "detached")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A PKI and files of each kind, made outside of any event loop."""
    return prepare(tmp_path_factory.mktemp("ground"), print)


def _one(ground: Ground, level: Level) -> Given:
    name = next(kind.name for kind in KINDS if kind.level == level)
    return ground.files[name][0]


def _paper(given: Given) -> Paper:
    path, signature = given
    return Paper(path.read_bytes(), signature)


def test_the_floor_runs_without_any_code_of_the_services(ground: Ground):
    given = [ground.files[kind.name][0] for kind in KINDS]
    orders = [f"{what} {number}" for number in range(len(given)) for what in ("library", "crypto")]
    done = subprocess.run(
        [sys.executable, "-c", _ALONE],
        input="\n".join([told(given, ground.trusted), *orders, ""]),
        capture_output=True,
        text=True,
        check=False,
        cwd=TREE,
    )
    assert done.returncode == 0, done.stderr
    warm, *times = done.stdout.splitlines()
    assert warm == ""
    assert len(times) == len(orders)
    assert all(float(one) > 0 for line in times for one in line.split())


@pytest.mark.parametrize("level", _LEVELS)
async def test_the_floor_validates(ground: Ground, level: Level):
    paper = _paper(_one(ground, level))
    library = Library(json.loads(told([], ground.trusted))["material"])
    await library.validate(paper)
    place = len(paper.content) // 2
    changed = bytes([paper.content[place] ^ 1])
    content = paper.content[:place] + changed + paper.content[place + 1 :]
    with pytest.raises(ValueError, match="not sound for pyHanko"):
        await library.validate(Paper(content, paper.signature))


async def test_cryptography_alone_computes_what_each_kind_needs(ground: Ground):
    bare = Bare(json.loads(told([], ground.trusted))["material"])
    papers = [_paper(_one(ground, level)) for level in _LEVELS]
    counted: list[tuple[int, int]] = []
    for paper in papers:
        await bare.learn(paper)
        bare.whole(paper)
        counted.append(bare.counts(paper))
    digests, values = ([one[part] for one in counted] for part in (0, 1))
    assert digests == [2, 2, 3, 1]
    assert values[3] >= 1
    assert values[0] >= 2 * values[3]
    assert values[2] > values[1] > values[0]


def _found(ground: Ground, level: Level) -> Finding:
    path, signature = _one(ground, level)
    trust = Trust(ground.trusted)
    return validate(path.read_bytes(), signature, trust, dt.datetime.now(dt.UTC))


def test_files_of_each_kind_are_what_they_are_called(ground: Ground):
    found = {kind.level: _found(ground, kind.level) for kind in KINDS}
    assert {one.outcome for one in found.values()} == {"sound"}
    proofs = {
        level: [len([stamp for stamp in one.stamps if stamp.made_at]) for one in said.signatures]
        for level, said in found.items()
    }
    assert proofs == {"B-B": [0, 0], "B-T": [1, 1], "B-LTA": [2, 2], "detached": [0]}
    assert b"/DSS" in _one(ground, "B-LTA")[0].read_bytes()
    assert not _one(ground, "detached")[0].read_bytes().startswith(b"%PDF")


def test_a_file_that_is_not_sound_is_not_measured(ground: Ground, tmp_path: Path):
    other = tmp_path / "other"
    other.write_bytes(b"another file")
    with pytest.raises(RuntimeError, match="has ended"):
        pairs([(other, _one(ground, "detached")[1])], ground.trusted, 1)


def test_memory_is_that_of_a_worker(ground: Ground):
    ballast = b"\1" * (400 * _MIB)  # of this process: a worker has no part in it
    given = [_one(ground, level) for level in _LEVELS]
    kept = asyncio.run(memory(given, Present(ground.trusted, dt.datetime.now(dt.UTC)), 20))
    assert ballast
    assert kept["files"] == 20
    assert 20 < kept["half"] <= kept["most"] < 400
    assert 20 < kept["end"] <= kept["most"]
