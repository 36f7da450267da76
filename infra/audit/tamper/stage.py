"""The stack that is tampered with: of its own, with real documents, or the one that was named."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TypeAlias

from infra.audit import store_tamper
from infra.audit.site import CannotAudit, opened
from infra.audit.tamper.run import NotQuiet, Score, tamper
from infra.audit.traffic import LETTERS, send
from infra.audit.walk import audit
from infra.stack.folder import TREE, Folder

Say: TypeAlias = Callable[[str], None]
_PATIENCE = 60.0


def folder() -> tuple[Folder, bool]:
    """Return the stack's folder, and whether it is of its own: then it is ended at the end."""
    if os.environ.get("LIENTHONG_RUN", "").strip():
        return Folder.here(), False
    return Folder(TREE / ".run-audit"), True


def run(count: int, seed: int, say: Say) -> Score:
    """Start the stack, give it documents unless it has some, wait until it is quiet, tamper.

    Raises NotQuiet, CannotAudit.
    """
    stack, own = folder()
    say(f"starting the stack in {stack.path.name}")
    if _command(stack, "up"):
        raise CannotAudit(f"the stack in {stack.path} does not start; see {stack.logs}")
    try:
        return asyncio.run(_work(stack, count, seed, say=say, own=own))
    finally:
        if own:
            _command(stack, "down")


async def _work(stack: Folder, count: int, seed: int, *, say: Say, own: bool) -> Score:
    async with opened(stack) as site:
        known = await store_tamper.dispatches(site.connections["docs"])
    if known < LETTERS:
        await send(stack.path, say, revoking=own)
    books = await audit(stack, say, patience=_PATIENCE)
    if books.findings:
        first = books.findings[0]
        raise NotQuiet(f"before any change: {first.where}: {first.what}")
    say(f"all well, {books.counted['entries']} entries; changing them {count} times")
    return await tamper(stack, count, seed, say)


def _command(stack: Folder, *words: str) -> int:
    given = {**os.environ, "LIENTHONG_RUN": str(stack.path)}
    command = [sys.executable, "-m", "infra.stack", *words]
    return subprocess.run(command, cwd=TREE, env=given, check=False, stdout=sys.stderr).returncode
