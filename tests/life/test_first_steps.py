"""The pages of first steps: every command runs as it stands there, and shows what it promises."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.stack.folder import TREE
from tests.fixtures.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PAGES = ("agency.md", "integrator.md", "operators.md", "registrar.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_works(stack: Stack, page: str) -> None:
    blocks = _BLOCK.findall((TREE / "docs" / page).read_text(encoding="utf-8"))
    script = "\n".join(
        f"{text}\nprintf '\\n=====%s=====\\n' {number}"
        for number, (language, text) in enumerate(blocks)
        if language == "sh"
    )
    done = _bash(script, stack.folder.path)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    shown = _shown(done.stdout)
    for number, (language, text) in enumerate(blocks):
        if language == "text":
            promised = ".*".join(map(re.escape, text.strip().split("…")))
            assert re.search(promised, shown[number - 1], re.DOTALL), (
                f"{page} promises {text!r}, but its commands show {shown[number - 1]!r}"
            )


def test_a_recipient_finds_its_document_behind_another(stack: Stack) -> None:
    text = (TREE / "docs" / "agency.md").read_text(encoding="utf-8")
    sending, receiving = text.split("## 4. ")[0], text.split("## 4. ")[1].split("## 5. ")[0]
    script = "\n".join(
        block
        for part in (sending, sending, receiving)
        for language, block in _BLOCK.findall(part)
        if language == "sh"
    )
    told = 'echo "held$HELD"; test "$(field document_id < $RUN/entry.json)" = "$DOCUMENT"'
    done = _bash(f"{script}\n{told}", stack.folder.path)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert re.search(r"^held [0-9a-f-]{36}", done.stdout, re.MULTILINE), "one was in front"


def _bash(script: str, run: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=TREE,
        env={**os.environ, "LIENTHONG_RUN": str(run)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )


def _shown(output: str) -> dict[int, str]:
    """Return what each block of commands has shown, by its number on the page."""
    parts = re.split(r"\n=====(\d+)=====\n", output)
    return {int(number): text for text, number in zip(parts[::2], parts[1::2], strict=False)}
