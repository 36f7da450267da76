"""`python -m infra.demo`: send one letter, let its recipients receive it, count, print figures."""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import cast
from uuid import UUID

from infra.client import Client, Refused, Unreachable, accesses, connect, ports, run_folder
from infra.demo.count import Count, count
from infra.demo.figures import Figures, where_next
from infra.demo.inspect import Inspector, Trust
from infra.demo.plan import SENDER, make_plan, next_number, pages
from infra.demo.receive import Findings, Recipient
from infra.demo.send import Letter, Sent, send, write_letter
from infra.demo.watch import Ended, View, view, watch
from infra.stack.client import Client as Stack
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from infra.trace import NoJaeger, find

DEADLINE_S = 300
PATIENCE_S = 120
CHECKERS = 2
IN_FLIGHT = 8
SPANS_SETTLE_S = 15
SPANS_POLL_S = 1.5
AUTHORITIES = ("root", "issuing")


async def demo(run: Path, shown: View, *, deadline: float) -> Figures:
    """Do it all; raises Ended, Refused or Unreachable where the exchange says no."""
    async with connect(run, patience=PATIENCE_S) as systems:
        sender = systems[f"sys-{SENDER.lower()}"]
        plan = await make_plan(sender, accesses(run))
        letter = await asyncio.to_thread(write_letter, run, await next_number(sender), plan)
        shown.say("written", f"written    {letter.code}: {letter.subject}")
        findings = Findings()
        workers = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(CHECKERS, mp_context=workers) as pool:
            trust = await _trust(run / "pki" / "root.pem", sender)
            inspector, bound = Inspector(pool, trust), asyncio.Semaphore(IN_FLIGHT)
            recipients = [
                Recipient(systems[name], inspector, trust.root, bound, findings)
                for name in plan.systems
            ]
            sent = await _exchange(sender, letter, recipients, shown, deadline=deadline)
        counted = await _count(systems, sender, sent)
    shown.say("counted", f"counted    in {counted.delivered} mailboxes")
    seconds = time.monotonic() - shown.began
    spans = await _spans(run, letter.code)
    print(where_next(run, ports(run), letter.code, findings.troubles + counted.troubles))
    return Figures(seconds, sent, counted, findings, spans)


async def _exchange(
    sender: Client, letter: Letter, recipients: Sequence[Recipient], shown: View, *, deadline: float
) -> Sent:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(recipient.work()) for recipient in recipients]
        try:
            sent = await send(sender, letter)
            shown.say("accepted", f"accepted   202 in {sent.accept_ms:.0f} ms, trace {sent.trace}")
            await watch(sender, sent.dispatch, shown, deadline=deadline)
        finally:
            for task in tasks:
                task.cancel()
    return sent


async def _trust(root: Path, client: Client) -> Trust:
    issuing = await client.ask("GET", "/pki/issuing/ca.crt")
    lists = [await client.ask("GET", f"/pki/{name}/crl") for name in AUTHORITIES]
    return Trust(root, issuing.body, tuple(answer.body for answer in lists))


async def _count(systems: dict[str, Client], sender: Client, sent: Sent) -> Count:
    serves = {code: client for client in systems.values() for code in client.access.agencies}
    matrix = await pages(sender, f"/v1/dispatches/{sent.dispatch}/deliveries?")
    recipients = {row["recipient"]["code"]: UUID(row["recipient"]["id"]) for row in matrix}
    return await count(serves, recipients, sent.dispatch)


async def _spans(run: Path, code: str) -> int:
    """Return how many spans Jaeger holds of the document, when their number grows no more."""
    try:
        # A new machine still builds it.
        await Stack(Folder(run)).tell("wait", {"process": "jaeger"})
    except Trouble as trouble:
        print(trouble)
    deadline, seen = time.monotonic() + SPANS_SETTLE_S, -1
    try:
        while True:
            now = len(await find(str(ports(run)["jaeger"]), code))
            if (now and now == seen) or time.monotonic() > deadline:
                return now
            seen = now
            await asyncio.sleep(SPANS_POLL_S)
    except NoJaeger as error:
        print(f"Jaeger does not answer, so nothing is known of spans: {error}")
        return 0


def main() -> int:
    """Run the demo; the exit status is 0 only when every count is right."""
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description=__doc__)
    parser.add_argument("--deadline", type=float, default=DEADLINE_S, help="seconds (300)")
    asked, run, began = parser.parse_args(), run_folder(), time.monotonic()
    try:
        with view(began) as shown:
            figures = asyncio.run(demo(run, shown, deadline=began + asked.deadline))
    except FileNotFoundError as error:
        print(f"No stack in {run} ({error.filename} is missing): `make up` first.", file=sys.stderr)
        return 2
    except (Ended, Refused, Unreachable, ExceptionGroup) as error:
        print(f"The demo ended early: {_why(error)}", file=sys.stderr)
        return 1
    print(figures.line(), flush=True)
    return 0 if figures.good() else 1


def _why(error: Exception) -> Exception:
    """Return what the exchange said from inside a task group; raise what it did not say."""
    if isinstance(error, ExceptionGroup):
        return _why(cast("ExceptionGroup[Exception]", error).exceptions[0])
    if not isinstance(error, Ended | Refused | Unreachable):
        raise error
    return error


if __name__ == "__main__":
    sys.exit(main())
