"""Kafka's administration, typed: users, topics and rights.

The one module that touches confluent-kafka's admin client (aiokafka has no users and rights).
"""

# The client's public names are not marked as exported, and its futures have no type arguments.
# pyright: reportPrivateImportUsage=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

Secret: TypeAlias = Callable[[str], str]
"""From a user's name to its password."""
_TIMEOUT = 30.0
_ITERATIONS = 4096
_AS_CONFIGURED = -1
"""As many copies of a topic as the brokers' `default.replication.factor` says."""
_ALLOW = AclPermissionType.ALLOW
_ANY = cast("str", None)  # what the client takes for "any" in a filter
Operation: TypeAlias = Literal["read", "write", "describe", "all"]
Kind: TypeAlias = Literal["topic", "group"]


@dataclass(frozen=True, slots=True)
class Right:
    """What a user may do with one topic or group, or (`prefixed`) with all so beginning."""

    user: str
    operation: Operation
    kind: Kind
    name: str
    prefixed: bool = False
    denied: bool = False
    """It is forbidden to him, whatever else is allowed. We give no such; somebody may have."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it has to be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Admin:
    """The administrator of one Kafka. Every method may be repeated; failures raise."""

    client: AdminClient

    @classmethod
    def of(cls, bootstrap: str, secret: Secret) -> "Admin":
        """Return the administrator of the Kafka at an address; connects when it is used."""
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256",
            "sasl.username": "admin",
            "sasl.password": secret("admin"),
            "log_level": 2,
        }
        return cls(AdminClient(settings))

    def answers(self, *, within: float = 2.0) -> bool:
        """Say whether the broker answers, within so many seconds."""
        try:
            return bool(self.client.list_topics(timeout=within).brokers)
        except KafkaException:
            return False

    def topics(self, *, within: float = _TIMEOUT) -> dict[str, int]:
        """Return the number of partitions of each topic."""
        found = self.client.list_topics(timeout=within).topics
        return {name: len(topic.partitions) for name, topic in found.items()}

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Make the users, or give them these passwords."""
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, _ITERATIONS)
        _finish(
            self.client.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(name, how, password.encode())
                    for name, password in passwords.items()
                ]
            ).values()
        )

    def make_topics(self, specs: Collection[TopicSpec]) -> None:
        """Make the topics that are missing; grow and configure those that are there."""
        present = self.topics()
        missing = [
            NewTopic(spec.name, spec.partitions, _AS_CONFIGURED, config=dict(spec.config))
            for spec in specs
            if spec.name not in present
        ]
        if missing:
            _finish(self.client.create_topics(missing).values())
        there = [spec for spec in specs if spec.name in present]
        grown = [
            NewPartitions(spec.name, spec.partitions)
            for spec in there
            if spec.partitions > present[spec.name]
        ]
        if grown:
            _finish(self.client.create_partitions(grown).values())
        if configured := [_configured(spec) for spec in there if spec.config]:
            _finish(self.client.incremental_alter_configs(configured).values())

    def delete_topics(self, names: Collection[str]) -> None:
        """Delete topics that are there, with all their records."""
        if names:
            _finish(self.client.delete_topics(list(names)).values())

    def rights(self, user: str) -> set[Right]:
        """Return what a user may do."""
        found = self.client.describe_acls(_filter(user)).result(timeout=_TIMEOUT)
        return {_right(binding) for binding in found}

    def every_right(self, *, within: float = _TIMEOUT) -> set[Right]:
        """Return what anybody may do, within so many seconds."""
        every = self.client.describe_acls(_filter(None), request_timeout=within)
        return {_right(binding) for binding in every.result(timeout=within)}

    def settings(
        self, topics: Collection[str], *, within: float = _TIMEOUT
    ) -> dict[str, dict[str, str]]:
        """Return the settings of these topics, which exist, within so many seconds."""
        wanted = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
        if not wanted:
            return {}
        asked = self.client.describe_configs(wanted, request_timeout=within)
        return {
            str(resource.name): {
                str(name): str(entry.value) for name, entry in future.result(timeout=within).items()
            }
            for resource, future in asked.items()
        }

    def grant(self, rights: Collection[Right]) -> None:
        """Give rights."""
        if rights:
            _finish(self.client.create_acls([_binding(right) for right in rights]).values())

    def revoke(self, rights: Collection[Right]) -> None:
        """Take rights away."""
        if rights:
            _finish(self.client.delete_acls([_exactly(right) for right in rights]).values())


def _finish(futures: Collection[object]) -> None:
    for future in futures:
        cast("Future[object]", future).result(timeout=_TIMEOUT)


def _configured(spec: TopicSpec) -> ConfigResource:
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in spec.config.items()
    ]
    return ConfigResource(ResourceType.TOPIC, spec.name, incremental_configs=entries)


def _pattern(right: Right) -> ResourcePatternType:
    return ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL


def _permission(right: Right) -> AclPermissionType:
    return AclPermissionType.DENY if right.denied else _ALLOW


def _binding(right: Right) -> AclBinding:
    kind, operation = ResourceType[right.kind.upper()], AclOperation[right.operation.upper()]
    user, permission = f"User:{right.user}", _permission(right)
    return AclBinding(kind, right.name, _pattern(right), user, "*", operation, permission)


def _right(binding: AclBinding) -> Right:
    return Right(
        user=binding.principal.removeprefix("User:"),
        operation=cast("Operation", cast("AclOperation", binding.operation).name.lower()),
        kind=cast("Kind", cast("ResourceType", binding.restype).name.lower()),
        name=binding.name,
        prefixed=binding.resource_pattern_type == ResourcePatternType.PREFIXED,
        denied=binding.permission_type == AclPermissionType.DENY,
    )


def _filter(user: str | None) -> AclBindingFilter:
    every, who = ResourcePatternType.ANY, _ANY if user is None else f"User:{user}"
    return AclBindingFilter(
        ResourceType.ANY, _ANY, every, who, _ANY, AclOperation.ANY, AclPermissionType.ANY
    )


def _exactly(right: Right) -> AclBindingFilter:
    kind, operation = ResourceType[right.kind.upper()], AclOperation[right.operation.upper()]
    user, permission = f"User:{right.user}", _permission(right)
    return AclBindingFilter(kind, right.name, _pattern(right), user, "*", operation, permission)
