"""Real documents on the tests' stack, and its databases as they stood at one moment."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.audit import store_tamper
from infra.audit.finding import Finding
from infra.audit.site import Site, opened
from infra.audit.traffic import send
from infra.audit.walk import walk
from tests.fixtures.stack import Stack

LETTERS = 10


@dataclass(frozen=True, slots=True)
class Ground:
    """A snapshot of a stack with documents; whatever is changed in it is rolled back."""

    site: Site
    before: frozenset[Finding]
    """What other tests, at work beside these, had planted at that moment."""

    async def found(self) -> list[Finding]:
        """Audit all of it and return what was not there before."""
        books = await walk(self.site, _hush)
        return [one for one in books.findings if one not in self.before]


def _hush(_text: str) -> None:
    return


@pytest.fixture(scope="session")
async def documents(stack: Stack) -> Path:
    """The folder of a stack on which letters were sent, received, refused and signed."""
    await send(stack.folder.path, _hush, revoking=False, letters=LETTERS)
    return stack.folder.path


@pytest.fixture(scope="module")
async def ground(stack: Stack, documents: Path) -> AsyncIterator[Ground]:
    """One snapshot for the tests of a module."""
    assert documents == stack.folder.path
    async with opened(stack.folder, role="postgres") as site:
        for connection in site.connections.values():
            await store_tamper.prepare(connection)
        books = await walk(site, _hush)
        yield Ground(site, frozenset(books.findings))
