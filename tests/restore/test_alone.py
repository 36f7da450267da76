"""A backup or a restore beside another one, and what one that was broken off leaves."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from infra.postgres.archive import Archive
from infra.restore.base import bases, remove
from infra.restore.lock import alone
from infra.stack.folder import TREE, Folder
from infra.stack.postgres import Postgres
from infra.stack.trouble import Trouble


@pytest.fixture
def archive(tmp_path: Path) -> Generator[Archive]:
    """The archive of a stack that does not run."""
    folder = Folder(tmp_path)
    folder.write("ports.json", {"postgres": "127.0.0.1:1"})
    made = Postgres(folder, 0).archive
    for one in made.folders():
        one.mkdir(parents=True)
    yield made
    shutil.rmtree(made.home.parent)  # as root it lies outside of the test's folder


@pytest.mark.parametrize(
    "words", [("backup",), ("restore", "--service", "notify", "--to", "latest")]
)
def test_who_comes_second_is_refused_at_once_and_told_who_is_there(
    archive: Archive, tmp_path: Path, words: tuple[str, ...]
):
    with alone(archive, "make restore SERVICE=docs"):
        done = subprocess.run(
            [sys.executable, "-m", "infra.restore", *words],
            check=False,
            cwd=TREE,
            env={**os.environ, "LIENTHONG_RUN": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert "make restore SERVICE=docs is at work here" in done.stderr


def test_what_has_ended_holds_nobody(archive: Archive):
    with pytest.raises(OSError, match="full"), alone(archive, "make backup"):
        raise OSError("full")
    with alone(archive, "make restore SERVICE=docs"):
        pass
    refused = pytest.raises(Trouble, match=r"^make backup is at work")
    with alone(archive, "make backup"), refused, alone(archive, "make restore"):
        pass


def test_a_backup_that_is_forgotten_in_part_goes_with_the_next_one(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
):
    (archive.bases / "20261127T080000Z").mkdir()
    (archive.bases / "20261127T080000Z.json").write_text(
        '{"ended": "2026-11-27T08:00:00+00:00", "first_piece": "1"}', encoding="utf-8"
    )
    assert len(bases(archive)) == 1

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        remove(archive, "20261127T080000Z")
    assert bases(archive) == []
    assert [one.name for one in archive.bases.iterdir()] == ["half-20261127T080000Z"]
