"""The live view: how far the dispatch is at each level, read from the sender's own polls."""

import asyncio
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.client import Client, Json

LEVEL_NAMES = {
    "central": "central (trung ương)",
    "province": "province (tỉnh)",
    "district": "district (huyện)",
    "commune": "commune (xã)",
}
COLUMNS = ("queued", "in_transit", "available", "acknowledged", "failed")
POLL = 0.4
PLAIN_EVERY = 2.0


class Ended(Exception):  # noqa: N818
    """The dispatch was refused or withdrawn: nobody will get it."""


@dataclass(slots=True)
class View:
    """What is shown: steps as they are first seen, then the counts."""

    began: float
    console: Console
    live: Live | None = None
    steps: dict[str, float] = field(default_factory=dict[str, float])
    plain: str = ""
    plain_at: float = 0.0

    def say(self, step: str, text: str) -> None:
        """Print a step once, with the seconds since the beginning."""
        if step not in self.steps:
            self.steps[step] = time.monotonic() - self.began
            self.console.print(f"[dim]{self.steps[step]:6.2f} s[/dim]  {text}", highlight=False)

    def counts(self, dispatch: Json) -> None:
        """Draw the counts by level: a table on a terminal, a line where they change elsewhere."""
        if self.live is not None:
            self.live.update(_table(dispatch))
            return
        line = " · ".join(
            f"{level} {row['acknowledged']}/{sum(row[c] for c in COLUMNS)}"
            for level, row in _levels(dispatch)
        )
        now = time.monotonic()
        done = dispatch["counts"]["acknowledged"] == dispatch["recipients"]
        if line != self.plain and (done or now > self.plain_at + PLAIN_EVERY):
            self.plain, self.plain_at = line, now
            print(f"{now - self.began:6.2f} s  acknowledged: {line}", flush=True)


@contextmanager
def view(began: float) -> Generator[View]:
    """Open the view: live on a terminal, plain lines elsewhere."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    shown = View(began, console)
    if not sys.stdout.isatty():
        yield shown
        return
    with Live(console=console, refresh_per_second=10) as live:
        shown.live = live
        yield shown


async def watch(sender: Client, dispatch_id: str, shown: View, *, deadline: float) -> Json:
    """Poll until every recipient has acknowledged or failed, or the deadline passes.

    Returns the last answer. Raises Ended when the dispatch was refused.
    """
    while True:
        dispatch = (await sender.ask("GET", f"/v1/dispatches/{dispatch_id}")).json()
        _tell(dispatch, shown)
        shown.counts(dispatch)
        if dispatch["state"] in {"refused", "withdrawn"}:
            raise Ended(f"{dispatch['state']}: {dispatch.get('reason')}")
        counts = dispatch["counts"]
        if counts["acknowledged"] + counts["failed"] >= dispatch["recipients"]:
            return dispatch
        if time.monotonic() > deadline:
            return dispatch
        await asyncio.sleep(POLL)


def _tell(dispatch: Json, shown: View) -> None:
    indications = [verdict["indication"] for verdict in dispatch["verdicts"]]
    if indications:
        shown.say("examined", f"examined   signing judged {', '.join(indications)}")
    if dispatch["state"] == "held":
        shown.say("held", "held       a later document of this sender went first")
    if dispatch["state"] == "cleared":
        shown.say("cleared", f"cleared    numbered in {dispatch['recipients']} mailboxes")
    counts = dispatch["counts"]
    arrived = counts["available"] + counts["acknowledged"]
    if arrived:
        shown.say("first", f"arrived    first mailboxes ({arrived})")
    if arrived + counts["failed"] == dispatch["recipients"]:
        shown.say("arrived", "arrived    in every mailbox")
    if counts["acknowledged"] == dispatch["recipients"]:
        shown.say("acknowledged", "confirmed  by every recipient, each with a signed receipt")


def _levels(dispatch: Json) -> list[tuple[str, Json]]:
    order = list(LEVEL_NAMES)
    rows: dict[str, Json] = dispatch["by_level"]
    return sorted(rows.items(), key=lambda row: order.index(row[0]) if row[0] in order else 99)


def _table(dispatch: Json) -> Group:
    table = Table(title=f"{dispatch['code']}: {dispatch['state']}", title_justify="left")
    table.add_column("level")
    for column in COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    table.add_column("", width=30)
    for level, row in _levels(dispatch):
        of = sum(row[column] for column in COLUMNS)
        cells = [Text(str(row[column] or "·")) for column in COLUMNS]
        bar = ProgressBar(total=of, completed=row["acknowledged"], width=30)
        table.add_row(LEVEL_NAMES.get(level, level), *cells, bar)
    return Group(table)
