"""A state folder's PostgreSQL server is made once: what is gone is waited for, never replaced."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stack.cluster import HALF_MADE, MARK, identifier, must_be_made, remember
from infra.stack.endings import strays
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from tests.fixtures.stack import Stack, aside, stack_command, start


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A state folder in which nothing was ever made."""
    made = Folder(tmp_path / "run")
    made.make()
    return made


def _home(folder: Folder) -> Path:
    return (folder.path / "postgres").resolve()


def _server(home: Path, number: int = 7) -> None:
    """Lay down what tells of a server's data: their version, and its system identifier."""
    (home / "data" / "global").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("18\n")
    control = number.to_bytes(8, "little") + bytes(100)
    (home / "data" / "global" / "pg_control").write_bytes(control)


def _made(folder: Folder, number: int = 7) -> Path:
    home = _home(folder)
    _server(home, number)
    remember(folder, home)
    return home


def test_a_new_folder_is_to_be_made(folder: Folder):
    assert must_be_made(folder, _home(folder))


def test_one_whose_making_was_interrupted_is_to_be_made(folder: Folder):
    _server(_home(folder))
    (_home(folder) / HALF_MADE).touch()
    assert must_be_made(folder, _home(folder))


def test_one_that_was_made_is_not_made_again(folder: Folder):
    home = _made(folder)
    assert folder.read(MARK) == {"server": "7"}
    assert not must_be_made(folder, home)


def test_one_of_before_there_was_a_mark_is_not_made_again_and_gets_its_mark(folder: Folder):
    _server(_home(folder))
    assert not must_be_made(folder, _home(folder))
    remember(folder, _home(folder))
    assert folder.read(MARK) == {"server": "7"}


@pytest.mark.parametrize("lost", ["", "data", "data/PG_VERSION", "data/global/pg_control"])
def test_one_that_has_lost_its_data_is_refused(folder: Folder, lost: str):
    home = _made(folder)
    path = home / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(Trouble, match="data are gone, or not complete") as refused:
        must_be_made(folder, home)
    assert "mount its disk or put the folder back" in refused.value.way_out
    assert f"move {folder.path / MARK} and {home} away" in refused.value.way_out


def test_one_whose_mark_cannot_be_read_is_marked_all_the_same(folder: Folder):
    home = _made(folder)
    (folder.path / MARK).write_text("")
    assert not must_be_made(folder, home)
    shutil.rmtree(home)
    with pytest.raises(Trouble, match="data are gone"):
        must_be_made(folder, home)


@pytest.mark.parametrize("trace", ["backup/keep-wal", "data/PG_VERSION", "data/base/1"])
def test_without_a_mark_what_is_left_of_a_server_tells_of_it(folder: Folder, trace: str):
    (_home(folder) / trace).parent.mkdir(parents=True)
    (_home(folder) / trace).touch()
    with pytest.raises(Trouble, match="data are gone"):
        must_be_made(folder, _home(folder))


def test_another_servers_data_are_refused_and_those_set_aside_are_named(folder: Folder):
    home = _made(folder)
    home.rename(home.with_name("postgres-until-20261127T080000"))
    _server(home, 8)
    with pytest.raises(Trouble, match=r"another PostgreSQL server \(8\) .* \(7\)") as refused:
        must_be_made(folder, home)
    assert "set aside before: " in refused.value.what
    assert "postgres-until-20261127T080000" in refused.value.what


def test_who_gives_all_up_begins_anew(folder: Folder):
    home = _made(folder)
    (folder.path / MARK).rename(folder.path / f"{MARK}.old")
    home.rename(home.with_name("postgres.old"))
    assert must_be_made(folder, home)


def test_a_copied_link_does_not_lead_two_folders_to_one_server(folder: Folder, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder.path / "postgres").symlink_to(outside)
    _made(folder)
    copy = Folder(tmp_path / "copy")
    shutil.copytree(folder.path, copy.path, symlinks=True)
    with pytest.raises(Trouble, match=f"the server of {folder.path}"):
        must_be_made(copy, outside)
    shutil.rmtree(folder.path)  # so it has moved
    assert not must_be_made(copy, outside)


def test_a_copy_of_all_is_a_server_of_its_own(folder: Folder, tmp_path: Path):
    _made(folder)
    copy = Folder(tmp_path / "copy")
    shutil.copytree(folder.path, copy.path)
    assert not must_be_made(copy, _home(copy))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Folder]:
    """A folder with a stack of PostgreSQL, which has ended when the test ends."""
    made = aside(tmp_path / "small")
    start(made, "--only", "postgres")
    yield made
    stack_command(made, "down")
    assert strays(made) == []
    home = _home(made)
    for left in (home, *home.parent.glob(f"{home.name}-until-*")):
        shutil.rmtree(left, ignore_errors=True)


@pytest.mark.timeout(120)
async def test_data_that_come_back_are_taken_up_and_nothing_was_made_meanwhile(small: Folder):
    stack, data = Stack(small), _home(small) / "data"
    await stack.kill("postgres", hold=True)
    data.rename(data.with_name("elsewhere"))
    data.mkdir()
    (data / "half-copied").touch()
    refused = stack_command(small, "start", "postgres")
    assert refused.returncode == 1
    assert "PostgreSQL's data are gone, or not complete" in refused.stderr
    assert [path.name for path in data.iterdir()] == ["half-copied"]
    shutil.rmtree(data)
    data.with_name("elsewhere").rename(data)
    await stack.start("postgres")
    assert (await stack.status())["postgres"] == "healthy"


@pytest.mark.timeout(120)
def test_a_folder_that_was_moved_or_has_lost_its_link_finds_its_server(small: Folder):
    stack_command(small, "down")
    before, home = small.read(MARK), _home(small)
    if (small.path / "postgres").is_symlink():  # root's, in a folder closed to others
        (small.path / "postgres").unlink()
    start(small, "--only", "postgres")
    stack_command(small, "down")
    assert _home(small) == home
    small.path.rename(small.path.with_name("moved"))
    moved = Folder(small.path.with_name("moved"))
    start(moved, "--only", "postgres")
    stack_command(moved, "down")
    assert moved.read(MARK) == before
    assert identifier(_home(moved) / "data") == before["server"]
    moved.path.rename(small.path)


@pytest.mark.timeout(120)
def test_what_a_folder_that_was_removed_has_left_elsewhere_is_set_aside(small: Folder):
    stack_command(small, "down")
    before, home = small.read(MARK), _home(small)
    outside = (small.path / "postgres").is_symlink()
    shutil.rmtree(small.path)
    start(aside(small.path), "--only", "postgres")
    assert small.read(MARK) != before
    kept = [identifier(path / "data") for path in home.parent.glob(f"{home.name}-until-*")]
    assert kept == ([before["server"]] if outside else [])
    assert _home(small).stat().st_mode & 0o777 == 0o700
