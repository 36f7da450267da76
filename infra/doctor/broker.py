"""Kafka as it has to be: every topic with its settings, and everybody's rights exactly."""

from collections.abc import Iterable, Mapping

from infra.doctor import store
from infra.doctor.finding import Finding, Findings, Seen, doubt, fault
from infra.doctor.site import PATIENCE, Site
from infra.kafka.admin import Admin, Right, TopicSpec
from infra.kafka.integrators import OURS, reader_rights
from infra.kafka.provision import rights as wanted_rights
from infra.kafka.provision import specs
from shared.events.deliveries import MAILBOX_PREFIX
from shared.events.topics import TOPICS, mailbox

_OURS = "lienthong."
_TESTS = "test."
"""Topics and groups that tests make for themselves; they are nobody else's."""


async def topics(site: Site) -> Seen:
    """Topics, partitions, clean-up and retention: `shared/events/topics.py`, as AsyncAPI says."""
    wanted = {spec.name: spec for topic in TOPICS for spec in specs(topic)}
    for reader, ready in (await site.query("notify", store.kafka_readers)).items():
        if ready:
            spec, _ = specs(mailbox(reader))
            wanted[spec.name] = spec
    found = await site.kafka(lambda admin: _look(admin, wanted))
    mend = site.make("provision")
    findings: Findings = []
    for name, spec in wanted.items():
        if name not in found:
            text = f"{name} is missing"
            findings.append(fault(text, f"{mend}; the relay sends again what it held"))
        else:
            findings.extend(_compared(spec, *found[name], mend))
    strange = sorted(
        name
        for name in found.keys() - wanted.keys()
        if name.startswith(_OURS) and not name.startswith(MAILBOX_PREFIX)
    )
    if strange:
        text = f"unknown topics: {', '.join(strange)}"
        findings.append(
            doubt(text, "find out who made them: the services' list does not name them")
        )
    return Seen(f"{len(wanted)} as shared/events/topics.py says", tuple(findings))


def _look(
    admin: Admin, wanted: Mapping[str, TopicSpec]
) -> dict[str, tuple[int, Mapping[str, str]]]:
    partitions = admin.topics(within=PATIENCE)
    settings = admin.settings(wanted.keys() & partitions.keys(), within=PATIENCE)
    return {name: (count, settings.get(name, {})) for name, count in partitions.items()}


def _compared(
    spec: TopicSpec, partitions: int, settings: Mapping[str, str], mend: str
) -> Iterable[Finding]:
    if partitions < spec.partitions:
        yield fault(f"{spec.name} has {partitions} partitions of {spec.partitions}", mend)
    elif partitions > spec.partitions:
        yield fault(
            f"{spec.name} has {partitions} partitions of {spec.partitions}: keys have moved",
            f"delete the topic, then {mend}: the relay sends again what it held",
        )
    for name, value in spec.config.items():
        if settings.get(name) != value:
            yield fault(f"{spec.name}: {name} is {settings.get(name)}, {value} is meant", mend)


async def rights(site: Site) -> Seen:
    """Nobody may do less or more than the list says; an integrator: read its own mailbox."""
    every = await site.kafka(lambda admin: admin.every_right(within=PATIENCE))
    found = {right for right in every if not _of_tests(right)}
    users = await site.query("gateway", store.kafka_users)
    readers = await site.query("notify", store.kafka_readers)
    wanted = wanted_rights()
    passing: set[Right] = set()
    for reader, ready in readers.items():
        user, active = users.get(reader, ("", False))
        if user:
            (wanted if ready and active else passing).update(reader_rights(user))
    mend = site.make("provision")
    findings: Findings = [
        fault(f"missing: {_said(right)}", mend) for right in sorted(wanted - found, key=_said)
    ]
    findings += [
        fault(f"not on the list: {_said(right)}", _way_out(site, right, mend))
        for right in sorted(found - wanted - passing, key=_said)
    ]
    return Seen(f"{len(found)}, none missing, none foreign", tuple(findings))


def _of_tests(right: Right) -> bool:
    own = f"{_OURS}{right.user}.{_TESTS}"
    return right.name.startswith((_TESTS, own) if right.kind == "group" else _TESTS)


def _said(right: Right) -> str:
    may = "must not" if right.denied else "may"
    name = f"{right.name}*" if right.prefixed else right.name
    return f"{right.user} {may} {right.operation} {right.kind} {name}"


def _way_out(site: Site, right: Right, mend: str) -> str:
    if right.user in OURS:
        return f"{mend} takes it away; find out who gave it"
    return f"{site.make('start P=provisioner')} takes it away; find out who gave it"
