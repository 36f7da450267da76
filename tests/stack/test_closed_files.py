"""What nobody else on the machine may read: passwords in files and on command lines, topics."""

from pathlib import Path

import pytest

from infra.stack.folder import Folder, write_closed
from infra.stack.java import quoted
from infra.stack.kafka import Kafka
from infra.stack.trouble import Trouble

_JAVA = """#!/bin/sh
[ "$1" = -version ] && { echo 'openjdk version "21"' >&2; exit 0; }
tr '\\0' ' ' </proc/$$/cmdline >"$SEEN/command"
stat -c %a "${1#@}" >"$SEEN/mode"
cp "${1#@}" "$SEEN/words"
exit 1
"""


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_secret_is_never_in_a_file_that_others_can_read(tmp_path: Path):
    secret = tmp_path / "password"
    secret.write_text("old")
    secret.chmod(0o644)
    with secret.open() as reader:
        write_closed(secret, "new")
        assert reader.read() == "old"
    assert secret.read_text() == "new"
    assert _mode(secret) == 0o600


async def test_kafkas_password_is_on_no_command_line_and_its_folder_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(_JAVA)
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setenv("SEEN", str(tmp_path))
    folder = Folder(tmp_path / "run")
    folder.make()
    with pytest.raises(Trouble, match="could not be formatted"):
        await Kafka(folder, 1, 2, 3, "http://127.0.0.1:1").prepare(lambda _: None)

    password = folder.secret("admin")
    assert password not in (tmp_path / "command").read_text()
    assert f"password={password}" in (tmp_path / "words").read_text()
    assert (tmp_path / "mode").read_text() == "600\n"
    assert {path.name for path in (folder.path / "kafka").iterdir()} == {"server.properties"}
    assert _mode(folder.path / "kafka" / "server.properties") == 0o600
    assert _mode(folder.path / "kafka") == 0o700
    assert _mode(folder.logs) == 0o700


@pytest.mark.parametrize(
    ("word", "written"), [("a b#c", '"a b#c"'), ('say "x"', r'"say \"x\""'), ("a\\b", r'"a\\b"')]
)
def test_a_word_stays_one_word_in_a_file_of_arguments(word: str, written: str):
    assert quoted(word) == written
