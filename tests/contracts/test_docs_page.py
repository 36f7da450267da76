"""`/docs` shows the OpenAPI document from the gateway's own files, and reaches nothing outside."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import aiohttp
import pytest

from infra.client import TIMES
from tests.fixtures.stack import Stack

SCRIPT, STYLE = "text/javascript", "text/css"


class _Links(HTMLParser):
    """Collects what a page loads, and what stands in it as a script or style."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address:
            self.loads.append(address)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name.startswith("on") or name == "style"]


@pytest.fixture(scope="session")
async def browser(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    """A session without a token, at the gateway."""
    async with aiohttp.ClientSession(stack.url("gateway"), timeout=TIMES) as session:
        yield session


async def test_the_page_and_all_it_loads_come_from_the_gateway(browser: aiohttp.ClientSession):
    page = _Links()
    async with browser.get("/docs") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        page.feed(await answer.text())
    assert page.inline == []
    kinds: dict[str, str] = {}
    for address in page.loads:
        assert re.match(r"/[^/]", address), f"{address} is not of this host"
        async with browser.get(address) as answer:
            assert answer.status == 200, address
            kinds[address] = answer.content_type
            text = await answer.read()
        if kinds[address] == STYLE:
            assert re.findall(rb"@import|url\(\s*[\"']?(?![\"']?data:)", text) == []
    assert list(kinds.values()).count(SCRIPT) == 2
    assert list(kinds.values()).count(STYLE) == 2


async def test_a_browser_may_load_from_nowhere_else(browser: aiohttp.ClientSession):
    async with browser.get("/docs") as answer:
        policy = answer.headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert not re.search(r"https?:|unsafe|\*", policy)


async def test_the_document_it_reads_needs_no_token(browser: aiohttp.ClientSession):
    async with browser.get("/openapi.json") as answer:
        assert answer.status == 200
        document = json.loads(await answer.read())
    assert document["openapi"].startswith("3.1")


async def test_no_other_file_is_given(browser: aiohttp.ClientSession):
    for name in ("../openapi.py", "..%2Fopenapi.json", "LICENSE", "docs.html"):
        async with browser.get(f"/docs/{name}") as answer:
            assert answer.status in {401, 404}, name
