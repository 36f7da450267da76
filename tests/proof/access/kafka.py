"""Kafka's listener for integrators: own topic and groups only, and no name tells of another's."""
# The client's public names are not marked as exported, and its futures have no types.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from tests.proof.access.bundles import Bundle, until
from tests.proof.access.integrator import (
    RefusedError,
    consuming,
    next_record,
    settings,
    visible,
    write,
)
from tests.proof.access.matrix import Findings
from tests.proof.access.world import STRANGER, World

_SECONDS = 20.0
_TOPIC, _GROUP, _CLUSTER = (
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
)
DONE = "ok"
_OWN = frozenset({"describe", "read", "list offsets"})
"""All that a system may do with its own topic."""
_INSIDE = (
    "lienthong.documents.v1",
    "lienthong.signatures.v1",
    "lienthong.deliveries.commune.v1",
    "lienthong.deliveries.commune.urgent.v1",
    "lienthong.receipts.v1",
    "lienthong.clients.v1",
    "lienthong.documents.v1.dlt",
    "__consumer_offsets",
)
_PUBLIC = "lienthong.agencies.v1"
_ANYBODY = (AclOperation.ALL, AclPermissionType.ALLOW)


@dataclass(frozen=True, slots=True)
class Integrator:
    """A system at the listener, by its token."""

    bootstrap: str
    token: str
    client_id: str

    @property
    def admin(self) -> AdminClient:
        """Return its administration client."""
        return AdminClient(settings(self.bootstrap, lambda: self.token))  # pyright: ignore[reportArgumentType] (a dict of settings)

    def on_topic(self, topic: str) -> dict[str, Callable[[], object]]:
        """Return everything that one may try on a topic."""
        admin, place = self.admin, TopicPartition(topic, 0, 0)
        earliest = cast("OffsetSpec", OffsetSpec.earliest())
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return {
            "describe": lambda: _described(admin, topic),
            "read": lambda: self._read(topic),
            "write": lambda: _named(write(self.bootstrap, lambda: self.token, topic)),
            "list offsets": lambda: _first(
                admin.list_offsets({place: earliest}, request_timeout=_SECONDS)
            ),
            "describe settings": lambda: _first(
                admin.describe_configs([resource], request_timeout=_SECONDS)
            ),
            "change settings": lambda: _first(
                admin.alter_configs(
                    [ConfigResource(ResourceType.TOPIC, topic, {"retention.ms": "1"})],
                    request_timeout=_SECONDS,
                )
            ),
            "grow": lambda: _first(
                admin.create_partitions([NewPartitions(topic, 64)], request_timeout=_SECONDS)
            ),
            "delete records": lambda: _first(
                admin.delete_records([place], request_timeout=_SECONDS)
            ),
            "delete": lambda: _first(admin.delete_topics([topic], request_timeout=_SECONDS)),
        }

    def on_group(self, group: str, own: str) -> dict[str, Callable[[], object]]:
        """Return everything that one may try on a consumer group."""
        admin = self.admin
        kept = ConsumerGroupTopicPartitions(group, [TopicPartition(own, 0, 0)])
        return {
            "join": lambda: self._read(own, group),
            "describe": lambda: _first(
                admin.describe_consumer_groups([group], request_timeout=_SECONDS)
            ),
            "read offsets": lambda: _first(
                admin.list_consumer_group_offsets(
                    [ConsumerGroupTopicPartitions(group)], request_timeout=_SECONDS
                )
            ),
            "change offsets": lambda: _first(
                admin.alter_consumer_group_offsets([kept], request_timeout=_SECONDS)
            ),
            "delete": lambda: _first(
                admin.delete_consumer_groups([group], request_timeout=_SECONDS)
            ),
        }

    def on_cluster(self) -> dict[str, Callable[[], object]]:
        """Return what only an administrator may do."""
        admin = self.admin
        right = AclBinding(
            ResourceType.TOPIC, "lienthong", ResourcePatternType.PREFIXED, "User:*", "*", *_ANYBODY
        )
        every = AclBindingFilter(
            ResourceType.ANY,
            None,  # pyright: ignore[reportArgumentType] (any name)
            ResourcePatternType.ANY,
            None,  # pyright: ignore[reportArgumentType] (any user)
            None,  # pyright: ignore[reportArgumentType] (any host)
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        return {
            "see rights": lambda: _none_seen(admin, every),
            "give rights": lambda: _first(admin.create_acls([right])),
            "make a topic": lambda: _first(
                admin.create_topics([NewTopic("lienthong.mailbox.made.v1", 1, 1)])
            ),
            "change the broker": lambda: _first(
                admin.alter_configs([ConfigResource(ResourceType.BROKER, "1", {"x": "1"})])
            ),
        }

    def _read(self, topic: str, group: str = "") -> None:
        named = group or f"{self.client_id}.access"
        with consuming(self.bootstrap, lambda: self.token, named, topic) as consumer:
            next_record(consumer, seconds=_SECONDS)


def _named(code: str) -> None:
    if code:
        raise _NamedError(code)


class _NamedError(Exception):
    """Kafka's name for a refusal."""


def _first(futures: dict[Any, Any]) -> object:
    return _result(next(iter(futures.values())))


def _result(future: object) -> object:
    return cast("Future[object]", future).result(timeout=_SECONDS)


def _none_seen(admin: AdminClient, every: AclBindingFilter) -> None:
    """Raise the refusal that the client keeps to itself: it returns an empty list instead."""
    if not _result(admin.describe_acls(every)):
        raise _NamedError(_CLUSTER)


def _described(admin: AdminClient, topic: str) -> None:
    error = admin.list_topics(topic, timeout=_SECONDS).topics[topic].error
    if error is not None:
        raise KafkaException(error)


def tried(call: Callable[[], object]) -> str:
    """Return `ok`, or Kafka's name for what refuses it."""
    try:
        call()
    except RefusedError as refused:
        return refused.code
    except _NamedError as named:
        return str(named)
    except KafkaException as error:
        return str(error.args[0].name())
    except TimeoutError:
        return "nothing"
    return DONE


async def kafka(world: World, found: Findings) -> None:
    """Try everything on topics and groups: own, others', our own, and such as do not exist.

    The foreign one has to be there: what is not there yet is like what never was.
    """
    owners = (world.own["sent"], world.foreign["stranger"])
    for bundle in owners:
        await until(partial(_ready, world, bundle), f"{bundle.owner}'s Kafka mailbox is ready")
    await asyncio.to_thread(_all, await _integrator(world), found)


async def _ready(world: World, bundle: Bundle) -> bool:
    path = f"/v1/subscriptions/{bundle.sent['subscription_id']}"
    shown = (await world.parties[bundle.owner].ask("GET", path)).json()
    return shown["state"] == "ready"


async def _integrator(world: World) -> Integrator:
    client = world.own["sent"].sent["client_id"]
    ports = world.harness.ports()
    return Integrator(str(ports["kafka_oauth"]), await world.token("receiver"), client)


def _all(integrator: Integrator, found: Findings) -> None:
    own = f"lienthong.mailbox.{integrator.client_id}.v1"
    foreign = f"lienthong.mailbox.sys-{STRANGER.lower()}.v1"
    nothing = "lienthong.mailbox.sys-nobody.v1"
    if (seen := visible(integrator.bootstrap, integrator.token)) != {own, _PUBLIC}:
        found.read("Kafka lists topics", sorted(seen - {own, _PUBLIC}) or ["own topic missing"])
    _own_only_read(integrator, own, found)
    none = _answers(integrator.on_topic(nothing))
    for topic in (foreign, *_INSIDE):
        _alike(f"topic {topic}", _answers(integrator.on_topic(topic)), none, found)
    none = _answers(integrator.on_group("sys-nobody.reader", own))
    for group in ("sys-g22.reader", "lienthong.notify.documents", "hub-h14-communes.x", "any"):
        _alike(f"group {group}", _answers(integrator.on_group(group, own)), none, found)
    for name, code in _answers(integrator.on_cluster()).items():
        found.ask(name, "kafka", "cluster")
        if code not in {_CLUSTER, _TOPIC}:
            found.read(f"Kafka: {name}: {code}", [name])
    listed = integrator.admin.list_consumer_groups(request_timeout=_SECONDS).result(_SECONDS)
    groups = {one.group_id for one in listed.valid}
    if others := {name for name in groups if not name.startswith(f"{integrator.client_id}.")}:
        found.read("Kafka lists groups", sorted(others))


def _own_only_read(integrator: Integrator, own: str, found: Findings) -> None:
    """Its own topic may be read and described, and nothing else done with it."""
    for name, code in _answers(integrator.on_topic(own)).items():
        found.ask(name, "kafka", "own topic")
        if (code == DONE) != (name in _OWN):
            found.faults.append(f"Kafka: {name} on one's own topic: {code}")


def _answers(calls: dict[str, Callable[[], object]]) -> dict[str, str]:
    """Return what each call is answered, asked at the same time."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return dict(zip(calls, pool.map(tried, calls.values()), strict=True))


def _alike(what: str, foreign: dict[str, str], nothing: dict[str, str], found: Findings) -> None:
    for action, code in foreign.items():
        found.ask(action, "kafka", what)
        if code in {DONE, "nothing"}:
            found.read(f"Kafka: {action} on {what}: {code}", [what])
        if code != nothing[action]:
            found.leak(f"Kafka: {action} on {what}", code, nothing[action])
