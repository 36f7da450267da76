"""How many Kafka nodes a state folder has: chosen at its first start, fixed from then on."""

import os

from infra.stack.folder import Folder
from infra.stack.trouble import Trouble

ALLOWED = (1, 3)
"""One, or three of which one may die: two would need both, as one does, and cost twice."""
_FILE = "brokers.json"


def broker_name(number: int) -> str:
    """Return a node's name in pid files, logs and commands: `kafka`, `kafka-2`, `kafka-3`."""
    return "kafka" if number == 1 else f"kafka-{number}"


def broker_names(count: int) -> list[str]:
    """Return the names of all nodes."""
    return [broker_name(number) for number in range(1, count + 1)]


def port_names(number: int) -> tuple[str, str, str]:
    """Return what a node's ports are called: for clients, for controllers, for tokens."""
    behind = "" if number == 1 else f"_{number}"
    return f"kafka{behind}", f"kafka_controller{behind}", f"kafka_oauth{behind}"


def brokers_of(folder: Folder) -> int:
    """Return how many nodes the folder's Kafka has; one in a folder that does not say."""
    held = folder.read(_FILE).get("brokers")
    return held if isinstance(held, int) and held in ALLOWED else 1


def fixed_brokers(folder: Folder, asked: str) -> int:
    """Return the number of nodes, fixing it if this is Kafka's first start here.

    `asked` is empty when nobody asked for one. Raises Trouble for a number that cannot be had,
    and when the folder's Kafka has another.
    """
    if asked and asked not in map(str, ALLOWED):
        raise Trouble(f"Kafka cannot have {asked[:20]} nodes", "BROKERS=1 or BROKERS=3")
    held = brokers_of(folder)
    if folder.read(_FILE) or (folder.path / "kafka" / "data").exists():
        if asked not in ("", str(held)):
            raise Trouble(
                f"the Kafka of {folder.path} has {held} node{'s' * (held > 1)}, and keeps them",
                "use a folder of its own:"
                f" LIENTHONG_RUN={folder.path.name}-{asked} make up BROKERS={asked}",
            )
        return held
    folder.write(_FILE, {"brokers": int(asked or 1)})
    return int(asked or 1)


def asked_brokers() -> str:
    """Return the number that the environment asks for; empty: none."""
    return os.environ.get("BROKERS", "").strip()
