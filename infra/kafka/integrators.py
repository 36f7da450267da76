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


def reader_rights(client_id: str) -> set[Right]:
    """Return exactly what a client with a living subscription may do."""
    topics = (mailbox_topic(client_id), AGENCIES)
    return {
        *(Right(client_id, "read", "topic", topic) for topic in topics),
        *(Right(client_id, "describe", "topic", topic) for topic in topics),
        Right(client_id, "read", "group", group_prefix(client_id), prefixed=True),
    }


def holders(admin: Admin) -> set[str]:
    """Return the clients that have any right now."""
    return {right.user for right in admin.every_right()} - OURS


def settle(admin: Admin, readers: Collection[str]) -> bool:
    """Make topics and rights of these clients, and take away those of everybody else.

    Returns whether all of it was so already: what was only just asked for takes a moment to
    count. Topics stay when their reader goes: retention empties them.
    """
    theirs = sorted(set(readers) - OURS)
    wanted = {right for client_id in theirs for right in reader_rights(client_id)}
    present = {right for right in admin.every_right() if right.user not in OURS}
    # First what is taken away: a revoked client waits for nothing.
    admin.revoke(present - wanted)
    topics = [specs(mailbox(client_id))[0] for client_id in theirs]
    missing = {topic.name for topic in topics} - admin.topics().keys()
    admin.make_topics([topic for topic in topics if topic.name in missing])
    admin.grant(wanted - present)
    return wanted == present and not missing
