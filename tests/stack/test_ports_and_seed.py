"""Ports, networks, room: what a start finds taken, different or missing, and what it says."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.stack.control import Door
from infra.stack.folder import Folder
from infra.stack.ports import USUAL, Ports
from infra.stack.seed import fixed_seed, seed_file
from infra.stack.supervisor import check_room
from infra.stack.trouble import Trouble


def _taken() -> tuple[socket.socket, int]:
    sock = socket.create_server(("127.0.0.1", 0))
    return sock, int(sock.getsockname()[1])


def test_a_taken_port_is_left_and_the_move_is_told():
    other, port = _taken()
    with other:
        ports = Ports()
        chosen = ports.choose("docs", kept=port)
        assert chosen != port
        assert ports.moved == [f"port {port} is taken; docs uses {chosen}"]
        ports.close()


def test_a_free_port_of_an_earlier_start_is_kept():
    other, port = _taken()
    other.close()
    ports = Ports()
    assert ports.choose("docs", kept=port) == port
    assert ports.moved == []
    ports.close()


def test_two_stacks_that_choose_at_the_same_time_choose_differently():
    first, second = Ports(), Ports()
    for name in USUAL:
        assert first.choose(name, kept=None) != second.choose(name, kept=None)
    first.close()
    second.close()


def test_two_stacks_that_kept_the_same_port_choose_differently():
    other, port = _taken()
    other.close()
    first, second, third = Ports(), Ports(), Ports()
    assert first.choose("kafka_controller", kept=port) == port
    assert second.choose("kafka_controller", kept=port) != port
    first.release("kafka_controller")
    assert third.choose("kafka_controller", kept=port) != port, "its server may start again"
    first.close()
    later = Ports()
    assert later.choose("kafka_controller", kept=port) == port
    for one in (second, third, later):
        one.close()


def test_a_chosen_port_can_be_listened_on_by_the_server_it_is_for():
    ports = Ports()
    port = ports.choose("postgres", kept=None)
    with socket.create_server(("127.0.0.1", port)):
        pass
    ports.close()


def test_a_folder_keeps_its_network_and_says_how_to_have_the_other(tmp_path: Path):
    folder = Folder(tmp_path / "run")
    folder.make()
    assert fixed_seed(folder, "") == "articles"
    assert fixed_seed(folder, "articles") == "articles"
    with pytest.raises(Trouble) as refused:
        fixed_seed(folder, "today")
    assert refused.value.way_out == (
        "use a folder of its own: LIENTHONG_RUN=run-today make up SEED=today"
    )


def test_a_network_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path):
    with pytest.raises(Trouble, match="no network 'moon'") as refused:
        fixed_seed(Folder(tmp_path), "moon")
    assert "articles, today" in refused.value.way_out


def test_a_full_disk_is_said_before_anything_is_started(tmp_path: Path):
    with pytest.raises(Trouble, match=r"only \d+ MB are free") as refused:
        check_room(Folder(tmp_path), needed=1 << 60)
    assert "LIENTHONG_RUN=" in refused.value.way_out


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="cannot be made") as refused:
        Folder(tmp_path / "file" / "run").make()
    assert "LIENTHONG_RUN=run-2" in refused.value.way_out


async def test_the_door_opens_also_at_the_end_of_a_long_path(tmp_path: Path):
    folder = Folder(tmp_path.joinpath(*["a-long-name-of-a-folder"] * 8))
    folder.make()
    door = Door(folder)
    assert len(str(door.path)) > 108
    with door.bound() as bound:
        bound.listen()
        door.connected().close()


def test_a_network_of_any_size_is_made_for_its_folder_and_kept(tmp_path: Path):
    folder = Folder(tmp_path / "run")
    folder.make()
    assert fixed_seed(folder, "scale:40") == "scale:40"
    path = seed_file(folder, "scale:40")
    made = path.read_text(encoding="utf-8")
    path.unlink()
    assert fixed_seed(folder, "") == "scale:40"
    assert path.read_text(encoding="utf-8") == made
    with pytest.raises(Trouble, match="holds the network 'scale:40'") as refused:
        fixed_seed(folder, "scale:41")
    assert "LIENTHONG_RUN=run-scale-41 make up SEED=scale:41" in refused.value.way_out


@pytest.mark.parametrize(
    "size", ["", "9", "10001", "-40", "040", "4e1", "４０", "../40", "1" * 5000]
)
def test_a_network_of_no_sensible_size_is_refused(tmp_path: Path, size: str):
    with pytest.raises(Trouble, match="no network"):
        fixed_seed(Folder(tmp_path), f"scale:{size}")
    assert not list(tmp_path.glob("seed*"))


def test_secrets_that_parts_make_side_by_side_are_all_kept(tmp_path: Path):
    """PostgreSQL and Kafka's nodes are prepared in threads, and each asks for passwords first."""
    names = [f"part-{number % 20}" for number in range(200)]
    with ThreadPoolExecutor(16) as threads:
        told = [*threads.map(Folder(tmp_path).secret, names)]
    kept = Folder(tmp_path).read("secrets.json")
    assert [kept[name] for name in names] == told
