"""What the gateway keeps in PostgreSQL: clients, used assertions, token keys, traffic."""

from services.gateway.store.clients import (
    SeedClient,
    StoredClient,
    clients_after,
    clients_version,
    find_client,
    find_unchanging,
    insert_client,
    list_clients,
    lock_versions,
    others_hold,
    seed_digests,
    set_version,
    take_back,
    take_over,
    update_client,
)
from services.gateway.store.issuing import publish_keys, published_keys, use_assertion

__all__ = [
    "SeedClient",
    "StoredClient",
    "clients_after",
    "clients_version",
    "find_client",
    "find_unchanging",
    "insert_client",
    "list_clients",
    "lock_versions",
    "others_hold",
    "publish_keys",
    "published_keys",
    "seed_digests",
    "set_version",
    "take_back",
    "take_over",
    "update_client",
    "use_assertion",
]
