"""`python -m infra.trace --code …`: the story of one document as a tree, from Jaeger's API."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from infra.client import ports, run_folder
from infra.doctor.standing import codes_of, standing
from infra.stack.folder import Folder
from shared.events.topics import SERVICES
from shared.telemetry import AGENCY_TO, DOCUMENT_CODE

USAGE = "make trace CODE=7816/VPCP-TTĐT"

SHOWN = 3
"""Of many alike spans below one parent, so many are printed; the others are counted."""

TRACES = 1_500
LOOK_BACK_S = 30 * 86_400
TIMES = aiohttp.ClientTimeout(total=20)
KEY_ATTRIBUTES = (
    "lienthong.level",
    "lienthong.lane",
    "lienthong.recipients",
    "lienthong.agency.to",
    "lienthong.signature.indication",
    "lienthong.outbox.wait_ms",
    "lienthong.attempt",
    "http.response.status_code",
    "error.type",
)


class NoJaeger(Exception):  # noqa: N818
    """Jaeger does not answer."""


class _Tag(BaseModel):
    key: str
    value: str | int | float | bool


class _Reference(BaseModel):
    refType: str  # noqa: N815 (Jaeger's names)
    traceID: str  # noqa: N815
    spanID: str  # noqa: N815


class _Row(BaseModel):
    traceID: str  # noqa: N815
    spanID: str  # noqa: N815
    operationName: str  # noqa: N815
    processID: str  # noqa: N815
    startTime: int  # noqa: N815
    duration: int
    references: tuple[_Reference, ...] = ()
    tags: tuple[_Tag, ...] = ()


class _Process(BaseModel):
    serviceName: str  # noqa: N815


class _Trace(BaseModel):
    spans: tuple[_Row, ...]
    processes: dict[str, _Process]


class _Answer(BaseModel):
    data: tuple[_Trace, ...] | None


@dataclass(slots=True)
class Span:
    """One span and what hangs below it: children by parent, other traces by link."""

    trace: str
    id: str
    name: str
    service: str
    start_us: int
    duration_us: int
    tags: dict[str, str | int | float | bool]
    parents: list[tuple[str, str]]
    links: list[tuple[str, str]]
    below: list["Span"] = field(default_factory=list["Span"])

    @property
    def failed(self) -> bool:
        """Say whether the span ended in an error."""
        return self.tags.get("error") is True or self.tags.get("otel.status_code") == "ERROR"


async def find(jaeger: str, code: str) -> list[Span]:
    """Return all spans of the traces that carry a document's code, and of those they link to.

    Raises NoJaeger when it does not answer.
    """
    try:
        async with aiohttp.ClientSession(timeout=TIMES) as session:
            spans: dict[tuple[str, str], Span] = {}
            for service in SERVICES:
                for span in await _search(session, jaeger, service, code):
                    spans[span.trace, span.id] = span
            await _follow_links(session, jaeger, spans)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise NoJaeger(f"{jaeger}: {error or type(error).__name__}") from error
    return sorted(spans.values(), key=lambda span: span.start_us)


async def _search(
    session: aiohttp.ClientSession, jaeger: str, service: str, code: str
) -> list[Span]:
    now = time.time_ns() // 1_000
    query = {
        "service": service,
        "tags": json.dumps({DOCUMENT_CODE: code}),
        "limit": str(TRACES),
        "start": str(now - LOOK_BACK_S * 1_000_000),
        "end": str(now + 60_000_000),
    }
    async with session.get(f"{jaeger}/api/traces", params=query) as response:
        if response.status == 404:  # noqa: PLR2004 (a service that never sent a span)
            return []
        response.raise_for_status()
        return list(_spans(await response.read()))


async def _follow_links(
    session: aiohttp.ClientSession, jaeger: str, spans: dict[tuple[str, str], Span]
) -> None:
    asked = {trace for trace, _ in spans}
    wanted = {trace for span in spans.values() for trace, _ in span.links} - asked
    for trace in wanted:
        async with session.get(f"{jaeger}/api/traces/{trace}") as response:
            if response.status == 200:  # noqa: PLR2004 (else it was not kept)
                for span in _spans(await response.read()):
                    spans[span.trace, span.id] = span


def _spans(answer: bytes) -> Iterator[Span]:
    for trace in _Answer.model_validate_json(answer).data or ():
        for row in trace.spans:
            ends = [(r.refType, (r.traceID, r.spanID)) for r in row.references]
            yield Span(
                trace=row.traceID,
                id=row.spanID,
                name=row.operationName,
                service=trace.processes[row.processID].serviceName,
                start_us=row.startTime,
                duration_us=row.duration,
                tags={tag.key: tag.value for tag in row.tags},
                parents=[end for kind, end in ends if kind == "CHILD_OF"],
                links=[end for kind, end in ends if kind != "CHILD_OF"],
            )


def arrange(spans: Iterable[Span]) -> list[Span]:
    """Hang every span below its parent, or else below what it or its trace links to; return roots.

    An acknowledgement comes by a request of its own, hours later perhaps: its whole trace hangs
    below the delivery that it links to.
    """
    by_id = {(span.trace, span.id): span for span in spans}
    linked: dict[str, tuple[str, str]] = {}
    for span in by_id.values():
        for place in span.links:
            if place in by_id and place[0] != span.trace:
                linked.setdefault(span.trace, place)
    roots: list[Span] = []
    for span in by_id.values():
        places = [*span.parents, *span.links, linked.get(span.trace, ("", ""))]
        above = (by_id[place] for place in places if place in by_id)
        parent = next((one for one in above if one.start_us <= span.start_us), None)
        (roots if parent is None or parent is span else parent.below).append(span)
    for span in by_id.values():
        span.below.sort(key=lambda child: child.start_us)
    return sorted(roots, key=lambda span: span.start_us)


def draw(roots: list[Span], code: str, *, everything: bool) -> Tree:
    """Return the tree to print; many alike siblings are shown as a few and a count."""
    tree = Tree(f"[bold]{code}[/bold]")
    began = min(span.start_us for span in roots)
    _hang(tree, roots, began, everything=everything)
    return tree


def _hang(tree: Tree, spans: list[Span], began: int, *, everything: bool, top: bool = True) -> None:
    seen: dict[tuple[str, str, bool], list[Span]] = {}
    for span in spans:
        alike = seen.setdefault((span.service, span.name, span.failed), [])
        alike.append(span)
        if everything or len(alike) <= SHOWN:
            line = _line(span, began, top=top)
            _hang(tree.add(line), span.below, began, everything=everything, top=False)
    for (service, name, _), alike in seen.items():
        hidden = alike[SHOWN:]
        if hidden and not everything:
            slowest = max(span.duration_us for span in hidden) / 1000
            tree.add(f"[dim]… {len(hidden)} more: {service} {name}, up to {slowest:.1f} ms[/dim]")


def _line(span: Span, began: int, *, top: bool) -> str:
    mark = "[red]✗[/red] " if span.failed else ""
    linked = "[dim]↳ linked[/dim] " if not span.parents and not top else ""
    facts = [
        f"{key.rsplit('.', 1)[-1]}={span.tags[key]}" for key in KEY_ATTRIBUTES if key in span.tags
    ]
    after, lasted = (span.start_us - began) / 1000, span.duration_us / 1000
    name, said = escape(span.name), escape(" ".join(facts))
    when = f"[green]{lasted:.1f} ms[/green] [dim]+{after:.0f} ms"
    return f"{mark}{linked}[cyan]{span.service}[/cyan] {name} {when} {said}[/dim]"


async def _name_agencies(run: Path, spans: Iterable[Span]) -> None:
    """Put codes where spans say ids: background work knows agencies by their ids only."""
    named = [span.tags for span in spans if AGENCY_TO in span.tags]
    known = await codes_of(Folder(run), {str(tags[AGENCY_TO]) for tags in named})
    for tags in named:
        tags[AGENCY_TO] = known.get(str(tags[AGENCY_TO]), tags[AGENCY_TO])


def _tell_last(spans: Iterable[Span]) -> None:
    """Say what happened last, and what went wrong last."""
    every = sorted(spans, key=lambda span: span.start_us + span.duration_us)
    for what, some in (("last", every), ("last error", [one for one in every if one.failed])):
        for span in some[-1:]:
            ended = datetime.fromtimestamp((span.start_us + span.duration_us) / 1e6, UTC)
            print(f"{what}: {span.service} {span.name}, {ended:%Y-%m-%d %H:%M:%S} UTC")


def tell(run: Path, code: str, *, everything: bool) -> int:
    """Print a document's tree; returns the exit status."""
    if not code.strip():
        print(f"Which document? Name it by its code: {USAGE}", file=sys.stderr)
        return 2
    try:
        jaeger = str(ports(run)["jaeger"])
    except FileNotFoundError:
        print(f"No stack in {run}: start one with `make up`.", file=sys.stderr)
        return 2
    status = _tell_spans(run, jaeger, code, everything=everything)
    for line in asyncio.run(standing(Folder(run), code)):
        print(line)
    return status


def _tell_spans(run: Path, jaeger: str, code: str, *, everything: bool) -> int:
    try:
        spans = asyncio.run(find(jaeger, code))
    except NoJaeger as error:
        print(
            f"Jaeger does not answer ({error}). Start it with `make start P=jaeger`;",
            file=sys.stderr,
        )
        print("documents travel without it, their traces are then lost.", file=sys.stderr)
        return 3
    if not spans:
        print(f"Jaeger holds no trace of {code}. Spans arrive some seconds late.", file=sys.stderr)
        return 1
    console = Console(width=None if sys.stdout.isatty() else 160)
    asyncio.run(_name_agencies(run, spans))
    console.print(draw(arrange(spans), code, everything=everything))
    _tell_last(spans)
    traces = {span.trace for span in spans}
    services = sorted({span.service for span in spans})
    print(
        f"TRACE code={code} traces={len(traces)} spans={len(spans)} services={','.join(services)}"
    )
    return 0


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.trace", description=__doc__)
    parser.add_argument("--code", required=True, help="number and notation: 7816/VPCP-TTĐT")
    parser.add_argument("--all", action="store_true", help="print alike spans one by one too")
    asked = parser.parse_args()
    sys.exit(tell(run_folder(), asked.code, everything=asked.all))


if __name__ == "__main__":
    main()
