"""What the tests of the contracts share: the merged document, and one tour of the stack."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.contracts import openapi
from infra.contracts.tour.guide import Guide, guided
from infra.contracts.tour.whole import tour
from tests.fixtures.stack import Stack


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The committed OpenAPI document."""
    return json.loads(openapi.MERGED.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
async def toured(stack: Stack) -> AsyncIterator[Guide]:
    """A guide that has asked every operation once, and knows an object of each kind."""
    async with guided(stack.folder.path) as guide:
        await tour(guide)
        yield guide
