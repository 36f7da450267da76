"""One document, one story in Jaeger: the span tree of the README's table, by Jaeger's own API."""

from collections.abc import Mapping

import pytest

from infra.client import ports
from infra.trace import Span, find
from shared.telemetry import DOCUMENT_CODE, DOCUMENT_ID
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack
from tests.life.story import Story

pytestmark = pytest.mark.stack

STEPS = {
    "accept document": ("docs", 1),
    "dispatch document": ("docs", 1),
    "examine file": ("signing", 2),
    "clear dispatch": ("docs", 1),
    "deliver entry": ("notify", 2),
    "acknowledge delivery": ("notify", 4),
}
"""Each step, the service it runs in, and how often it happens for two files and two recipients.

Each recipient acknowledges twice.
"""

BELOW = [
    ("dispatch document", "create lienthong.documents.v1"),
    ("create lienthong.documents.v1", "examine file"),
    ("examine file", "create lienthong.signatures.v1"),
    ("create lienthong.signatures.v1", "process lienthong.signatures.v1"),
    ("dispatch document", "clear dispatch"),
    ("clear dispatch", "create lienthong.deliveries.commune.urgent.v1"),
    ("create lienthong.deliveries.commune.urgent.v1", "deliver entry"),
    ("create lienthong.deliveries.commune.urgent.v1", "acknowledge delivery"),
    ("acknowledge delivery", "create lienthong.receipts.v1"),
]
"""(above, below): the second hangs under the first, by parents and links, at any depth."""


@pytest.fixture
async def spans(stack: Stack, story: Story) -> list[Span]:
    """All spans of the story, once every step is there."""
    jaeger = str(ports(stack.folder.path)["jaeger"])

    async def all_there() -> list[Span] | None:
        found = await find(jaeger, story.letter.code)
        names = [span.name for span in found]
        short = [step for step, (_, times) in STEPS.items() if names.count(step) < times]
        # Each service sends its spans when it likes: what stands above a step may come later.
        there = {(span.trace, span.id) for span in found}
        above = {place for span in found for place in (*span.parents, *span.links)}
        return None if short or above - there else found

    awaited = f"every step of {STEPS} in Jaeger, and all that they hang below"
    return await eventually(all_there, awaited, timeout=30, pause=0.5)


async def test_every_step_is_a_span_of_its_service(spans: list[Span]) -> None:
    for step, (service, times) in STEPS.items():
        found = [span for span in spans if span.name == step]
        assert {span.service for span in found} == {service}, step
        assert len(found) >= times, step


@pytest.mark.parametrize(("above", "below"), BELOW, ids=[f"{a} > {b}" for a, b in BELOW])
async def test_the_next_step_hangs_below_the_one_before(
    spans: list[Span], above: str, below: str
) -> None:
    by_id = {(span.trace, span.id): span for span in spans}
    lower = [span for span in spans if span.name == below]
    assert lower, f"no span {below}"
    assert any(above in ancestors(span, by_id) for span in lower)


async def test_the_request_of_the_sender_came_in_by_the_gateway(spans: list[Span]) -> None:
    by_id = {(span.trace, span.id): span for span in spans}
    dispatch = next(span for span in spans if span.name == "dispatch document")
    above = [by_id[place].service for place in _up(dispatch, by_id)]
    assert above[-1] == "gateway", above


async def test_every_step_is_found_by_the_code_of_the_document(
    spans: list[Span], story: Story
) -> None:
    for span in spans:
        if span.name in STEPS or span.name.startswith("create "):
            assert span.tags.get(DOCUMENT_CODE) == story.letter.code, span.name
        elif span.name.startswith("process "):  # what an event says; not every one says the code
            assert DOCUMENT_ID in span.tags, span.name


async def test_no_span_carries_the_subject_or_a_name(spans: list[Span], story: Story) -> None:
    secret = {story.letter.subject, str(story.letter.description["signer"]["name"])}
    for span in spans:
        for value in span.tags.values():
            assert not any(word in str(value) for word in secret), span.name


def ancestors(span: Span, by_id: Mapping[tuple[str, str], Span]) -> set[str]:
    """Return the names of all spans above one, by parents and links."""
    return {by_id[place].name for place in _up(span, by_id)}


def _up(span: Span, by_id: Mapping[tuple[str, str], Span]) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    waiting = [*span.parents, *span.links]
    while waiting:
        place = waiting.pop(0)
        if place in by_id and place not in seen:
            seen.append(place)
            waiting += [*by_id[place].parents, *by_id[place].links]
    return seen
