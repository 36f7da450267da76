"""`python -m infra.bench`: measure the exchange under load; see BENCH.md."""

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path

import uvloop

from infra.bench import cases, report, stacks
from infra.bench.cases import Case, Network, Size
from infra.bench.measure import Bench
from infra.bench.report import Json
from infra.bench.table import write
from infra.client import Refused, Unreachable, run_folder
from infra.stack.folder import TREE, Folder

EACH: dict[Size, int] = {"100k": 6, "1m": 2}
"""Papers of each sender."""
_TINY_EACH: dict[Size, int] = {"100k": 1, "1m": 1}


class Told:
    """What is shown: a line with the seconds since the beginning."""

    def __init__(self) -> None:
        """Begin now."""
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        """Print a line."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)


async def measured(network: Network, run: Path, say: Told, *, tiny: bool) -> Json:
    """Measure one running stack and return its figures."""
    each = _TINY_EACH if tiny else EACH
    async with stacks.opened(run, each=each, say=say) as bench:
        floors = []
        if network.floors_seconds:
            floors = await stacks.floors(bench, network.floors_seconds, say)
        if network.everybody:
            await bench.everybody()
        idle = await bench.idle(network.idle_seconds)
        done = [await _case(bench, case, say) for case in network.cases]
        if network.stored:
            await stacks.store(run, max(0, cases.STORED - bench.stored), say)
            bench.stored = max(cases.STORED, bench.stored)
            await bench.settled()
            done += [await _case(bench, case, say) for case in network.stored]
        return {
            "seed": network.seed or str(Folder(run).read("seed.json").get("seed")),
            "agencies": bench.plan.agencies,
            "floors": report.with_ratios(floors, done),
            "idle_cpu_ms_per_s": {name: round(ms, 1) for name, ms in idle.items()},
            "cases": done,
        }


async def _case(bench: Bench, case: Case, say: Told) -> Json:
    say(f"case {case.name}")
    done = report.figures(await bench.measure(case))
    say(report.line(done))
    return done


def _networks(given: argparse.Namespace) -> tuple[Network, ...]:
    wanted = cases.QUICK if given.quick else cases.FULL
    return cases.only(wanted, given.only) if given.only else wanted


def _all(given: argparse.Namespace, run: Path, say: Told) -> list[Json]:
    """Measure each network on a stack of its own, in turn."""
    found: list[Json] = []
    for network in _networks(given):
        folder = stacks.folder_for(run, network)
        say(f"network {network.seed}, in {folder}")
        try:
            stacks.up(folder, network.seed)
            found.append(_run(network, folder, say, tiny=False))
        finally:
            if not given.keep:
                stacks.down(folder)
    return found


def _run(network: Network, folder: Path, say: Told, *, tiny: bool) -> Json:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measured(network, folder, say, tiny=tiny))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of fifteen")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--keep", action="store_true", help="leave the stacks running")
    parser.add_argument("--tiny", action="store_true", help="a few documents on the running stack")
    parser.add_argument("--as", dest="name", default="", help="section of BENCH.md to write")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write `bench.json`, and BENCH.md after a whole run."""
    given, run, say = _arguments(), run_folder(), Told()
    given.quick = given.quick or os.environ.get("QUICK", "") not in {"", "0"}
    given.only = given.only or os.environ.get("ONLY", "").strip()
    run.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        if given.tiny:
            networks = [_run(network, run, say, tiny=True) for network in cases.TINY]
        else:
            networks = _all(given, run, say)
    except (stacks.NoStack, Refused, Unreachable, FileNotFoundError, ValueError) as error:
        print(f"The bench ended early: {error}", file=sys.stderr)
        return 1
    told = {**report.where_and_when(), "seconds": round(time.monotonic() - began, 1)}
    told["networks"] = networks
    (run / "bench.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    say(f"figures: {run / 'bench.json'}")
    for what, aim, reached, met in report.aims(told):
        say(f"{'√' if met else '×'} {what}: {reached} ({aim})")
    whole = not (given.tiny or given.quick or given.only)
    if whole or given.name:
        write(TREE / "BENCH.md", told, given.name or "now")
        say("table: BENCH.md")
    return 0 if report.sound(told) else 1


if __name__ == "__main__":
    sys.exit(main())
