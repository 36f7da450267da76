"""Makes Kafka what the services expect: users, exactly their rights, and the topics.

A wiped log directory has lost all three; so this runs at every start and is harmless if repeated.
"""

from infra.kafka.admin import Admin, Operation, Right, Secret, TopicSpec
from shared.events.deliveries import MAILBOX_PREFIX
from shared.events.topics import DEAD_LETTER_RETENTION_MS, SERVICES, TOPICS, Topic, group


def provision(bootstrap: str, secret: Secret) -> bool:
    """Make users, topics and rights as the one list says, and take away rights beyond it.

    Returns whether all of it was there: what was only just asked for takes a moment to count.
    """
    admin = Admin.of(bootstrap, secret)
    admin.set_passwords({name: secret(f"kafka-{name}") for name in SERVICES})
    admin.make_topics([spec for topic in TOPICS for spec in specs(topic)])
    wanted = rights()
    present = {right for name in SERVICES for right in admin.rights(name)}
    admin.grant(wanted - present)
    # Rights on topics that tests make for themselves end with those topics, not here.
    admin.revoke({right for right in present - wanted if not right.prefixed})
    return wanted <= present


def specs(topic: Topic) -> tuple[TopicSpec, TopicSpec]:
    """Return a topic and the one for its dead letters as Kafka has to hold them."""
    kept = (
        {"cleanup.policy": "compact"}
        if topic.retention_ms is None
        else {"cleanup.policy": "delete", "retention.ms": str(topic.retention_ms)}
    )
    dead = {"cleanup.policy": "delete", "retention.ms": str(DEAD_LETTER_RETENTION_MS)}
    return TopicSpec(topic.name, topic.partitions, kept), TopicSpec(topic.dead_letters, 1, dead)


def rights() -> set[Right]:
    """Return exactly what each service may do."""
    wanted: set[Right] = set()
    for topic in TOPICS:
        # The writer reads its own topic too: the relay looks whether it still holds its records.
        wanted |= _may(topic.writer, topic.name, "read", "write")
        for reader in topic.readers:
            wanted |= _may(reader, topic.name, "read")
            wanted |= _may(reader, topic.dead_letters, "read", "write")
            wanted.add(Right(reader, "read", "group", group(reader, topic.name)))
    return wanted | _mailbox_writer()


def _mailbox_writer() -> set[Right]:
    # The topics come and go with subscriptions; their writer has all of them by their prefix.
    operations: tuple[Operation, ...] = ("read", "write", "describe")
    return {Right("notify", may, "topic", MAILBOX_PREFIX, prefixed=True) for may in operations}


def _may(user: str, topic: str, *operations: str) -> set[Right]:
    may = {Right(user, "describe", "topic", topic)}
    if "read" in operations:
        may.add(Right(user, "read", "topic", topic))
    if "write" in operations:
        may.add(Right(user, "write", "topic", topic))
    return may
