"""Whether documents flow: lag, lanes, heads, examinations, dispatches; gauges are seen twice."""

import asyncio
import re
from collections.abc import Mapping
from typing import TypeAlias

from infra.doctor import store
from infra.doctor.finding import Findings, Seen, doubt, fault
from infra.doctor.site import CannotLook, Site

_LINE = re.compile(r"^(\w+) ([0-9.e+-]+|NaN|\+Inf)$", re.MULTILINE)
_NAME = "lienthong_"
Gauges: TypeAlias = Mapping[str, float]
Sample: TypeAlias = Mapping[str, Gauges]
"""The gauges of each service at one moment."""


async def _lasting(site: Site, name: str) -> dict[str, tuple[float, float]]:
    """Return what each service says of a gauge now and a moment later, where it is never 0."""
    first, second = await site.once("gauges", lambda: _two_looks(site))
    said = {who for who, gauges in first.items() if name in gauges and name in second[who]}
    if not said:
        raise CannotLook(f"no service could count {name}", site.make("status"))
    both = {who: (first[who][name], second[who][name]) for who in said}
    return {who: pair for who, pair in both.items() if min(pair) > 0}


async def _two_looks(site: Site) -> tuple[Sample, Sample]:
    first = await _look(site)
    await asyncio.sleep(site.limits.sample_seconds)
    return first, await _look(site)


async def _look(site: Site) -> Sample:
    """Read the gauges without labels; the instances of a service count the same database."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            who: group.create_task(_read(site, who, url))
            for who, url in site.instances()
            if "-" not in who
        }
    return {who: task.result() for who, task in tasks.items()}


async def _read(site: Site, who: str, url: str) -> Gauges:
    """Return the gauges of one instance; none of one that does not answer."""
    try:
        _, body, _ = await site.get(f"{url}/metrics", who=who)
    except CannotLook:
        return {}  # that is the finding of another check
    found = _LINE.findall(body.decode(errors="replace"))
    return {name: float(value) for name, value in found if name.startswith(_NAME)}


async def lag(site: Site) -> Seen:
    """Consumers read what Kafka holds."""
    findings: Findings = []
    for who, (before, now) in (await _lasting(site, "lienthong_consumer_lag")).items():
        text = f"{who} has {now:.0f} records to read"
        hint = f"{site.make(f'logs P={who}')}; more readers: {site.make(f'scale P={who} N=2')}"
        if now > site.limits.lag_records:
            findings.append(fault(text, hint))
        elif now >= before:
            findings.append(doubt(f"{text}, and they do not grow fewer", hint))
    return Seen("everything is read", tuple(findings))


async def lanes(site: Site) -> Seen:
    """No lane of a mailbox stands still or misses entries for long."""
    before = {(lane.agency, lane.lane): lane for lane in await _troubled(site)}
    if not before:
        return Seen("none stands still, none misses an entry")
    await asyncio.sleep(site.limits.sample_seconds)
    findings: Findings = []
    for lane in await _troubled(site):
        name = f"{lane.agency}/{lane.lane}"
        earlier = before.get((lane.agency, lane.lane))
        if lane.stopped is not None:
            findings.append(
                fault(
                    f"{name} has stopped after {lane.sequence}: {lane.stopped}",
                    f"compare docs' and notify's entry {lane.sequence + 1} (docs/operators.md,"
                    " A stopped lane): nothing goes on by itself",
                )
            )
        elif earlier is not None and earlier.sequence == lane.sequence:
            text = f"{name} misses {lane.sequence + 1} to {lane.behind}"
            hint = f"notify asks docs for them: {site.make('logs P=notify')} says what it meets"
            findings.append(doubt(text, hint))
    return Seen("all that missed entries go on", tuple(findings))


async def _troubled(site: Site) -> list[store.Lane]:
    return await site.query("notify", store.troubled_lanes)


async def heads(site: Site) -> Seen:
    """Docs and notify agree on the last number of every lane; neither recovers from a backup."""
    findings: Findings = []
    for _, now in (await _lasting(site, "lienthong_heads_differ")).values():
        text = f"{now:.0f} lanes end differently at docs and notify"
        hint = f"they compare every few seconds: {site.make('logs P=notify')}"
        findings.append(doubt(text, hint))
    for who in await _lasting(site, "lienthong_recovering"):
        hint = f"it waits for its peers: {site.make('status')}; {site.make(f'logs P={who}')}"
        findings.append(doubt(f"{who} recovers from a backup", hint))
    return Seen("docs and notify agree", tuple(findings))


async def signatures(site: Site) -> Seen:
    """Signed files come into their drafts at once."""
    findings: Findings = []
    for who, (before, now) in (await _lasting(site, "lienthong_signatures_pending")).items():
        if now >= before:
            text = f"{now:.0f} signed files are not in their drafts, and they do not grow fewer"
            findings.append(doubt(text, f"{site.make(f'logs P={who}')} names the files"))
    return Seen("all signed files are in their drafts", tuple(findings))


async def examinations(site: Site) -> Seen:
    """No file waits long for its final verdict."""
    one = await site.query("signing", store.unexamined)
    if one is None or one.seconds <= site.limits.examination_seconds:
        return Seen(f"{one.all if one else 0} pending")
    text = f"{one.all} pending; {one.code} since {one.seconds:.0f} s ({one.state})"
    hint = f"{site.make(f'trace CODE={one.code}')}; {site.make('logs P=signing')}"
    return Seen("", (doubt(text, hint),))


async def dispatches(site: Site) -> Seen:
    """No dispatch waits long until its last copy is numbered or refused."""
    one = await site.query("docs", store.undispatched)
    if one is None or one.seconds <= site.limits.dispatch_seconds:
        return Seen(f"{one.all if one else 0} on their way")
    text = f"{one.all} wait; {one.code} since {one.seconds:.0f} s ({one.state})"
    return Seen("", (doubt(text, site.make(f"trace CODE={one.code}")),))
