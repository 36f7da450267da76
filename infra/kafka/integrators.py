"""What integrators may do on Kafka: read their own mailbox topic and the directory."""

from collections.abc import Collection

from infra.kafka.admin import Admin, Right
from infra.kafka.provision import specs
from shared.events.deliveries import mailbox_topic
from shared.events.topics import RESERVED, mailbox
from shared.events.types import AGENCIES

OURS = RESERVED
"""Users of our own: their rights are not decided here."""


def group_prefix(client_id: str) -> str:
    """Return how the names of a client's consumer groups begin."""
    return f"{client_id}."


def client_of(user: str) -> str:
    """Return whose tokens a user of Kafka is (`shared.tokens.kafka_principal`), else empty."""
    return user.rpartition("@")[0]


def reader_rights(user: str) -> set[Right]:
    """Return exactly what a client with a living subscription may do, by its present tokens."""
    client_id = client_of(user)
    topics = (mailbox_topic(client_id), AGENCIES)
    return {
        *(Right(user, "read", "topic", topic) for topic in topics),
        *(Right(user, "describe", "topic", topic) for topic in topics),
        Right(user, "read", "group", group_prefix(client_id), prefixed=True),
    }


def holders(admin: Admin) -> set[str]:
    """Return the users that have any right now."""
    return {right.user for right in admin.every_right()} - OURS


def settle(admin: Admin, readers: Collection[str]) -> bool:
    """Make topics and rights of these users of clients, and take away those of everybody else.

    Returns whether all of it was so already: what was only just asked for takes a moment to
    count. A topic stays until the end of its subscription is confirmed.
    """
    theirs = sorted(user for user in readers if client_of(user) and client_of(user) not in OURS)
    wanted = {right for user in theirs for right in reader_rights(user)}
    present = {right for right in admin.every_right() if right.user not in OURS}
    # First what is taken away: a revoked client waits for nothing.
    admin.revoke(present - wanted)
    topics = [specs(mailbox(client_of(user)))[0] for user in theirs]
    missing = {topic.name for topic in topics} - admin.topics().keys()
    admin.make_topics([topic for topic in topics if topic.name in missing])
    admin.grant(wanted - present)
    return wanted == present and not missing


def drop(admin: Admin, client_id: str) -> bool:
    """Delete a client's topic, whose readers have no rights any more; True when it is gone."""
    topic = mailbox_topic(client_id)
    if topic not in admin.topics():
        return True
    admin.delete_topics([topic])
    return False
