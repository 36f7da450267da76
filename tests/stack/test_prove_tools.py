"""What `make prove` breaks things with: each tool is used before it is believed in."""

from collections.abc import Sequence

import pytest

from infra.prove_tools import TOOLS, Broken, Tool, look, show_disk_error


def _missing() -> None:
    raise Broken("strace is not on PATH")


def _fine() -> None:
    return


def test_a_tool_that_cannot_be_had_fails_the_run_with_its_line(capsys: pytest.CaptureFixture[str]):
    asked: list[Sequence[str]] = []

    def get(packages: Sequence[str]) -> str:
        asked.append(packages)
        return "installing needs root"

    tools = (Tool("clock", "faketime", _fine), Tool("tracer", "strace", _missing))
    assert look(tools, get) == 1
    assert asked == [["strace"]]
    said = capsys.readouterr().out
    assert "√ clock" in said
    assert "× tracer     strace is not on PATH" in said
    assert "installing needs root" in said


def test_a_tool_that_works_after_its_installation_is_enough(capsys: pytest.CaptureFixture[str]):
    there: list[str] = []

    def show() -> None:
        if not there:
            _missing()

    def get(packages: Sequence[str]) -> str:
        there.extend(packages)
        return ""

    assert look((Tool("tracer", "strace", show),), get) == 0
    assert "√ tracer     works" in capsys.readouterr().out


def test_a_tracer_that_lets_the_disk_be_is_not_believed(monkeypatch: pytest.MonkeyPatch):
    def which(_: str) -> str:
        return "/bin/true"

    monkeypatch.setattr("shutil.which", which)
    with pytest.raises(Broken, match="was to fail with EIO"):
        show_disk_error()


def test_every_tool_of_the_list_names_a_package():
    assert all(tool.package for tool in TOOLS)
