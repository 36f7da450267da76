"""`python -m infra.containers.share`: makes keys and secrets once, and gives each part its own.

The first container to run: it alone sees all volumes, and is the only one that runs as root.
"""

import base64
import json
import os
import shutil
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

from infra.containers.plan import BROKER, KEYS, OWNED, SEED, STATE, UID, addresses
from infra.pki.establish import establish
from infra.postgres.provision import ROLES, dsn
from infra.stack.folder import SERVICES, TREE, Folder
from infra.stack.kafka import JWKS, Kafka

_SECRET = 0o600


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of the volumes."""

    state: Path
    keys: Path
    broker: Path


def share(places: Places, where: "dict[str, str]") -> None:
    """Complete the state folder's keys and secrets, and copy to each service what it needs."""
    folder = Folder(places.state)
    folder.write("ports.json", where)
    establish(places.state, TREE / SEED)
    for service in SERVICES:
        give(folder, service, places.keys / service, where["postgres"])
    # Its image reads the password as a user of its own; nobody else has this volume.
    (places.keys / "postgres").mkdir(parents=True, exist_ok=True)
    (places.keys / "postgres" / "password").write_text(folder.secret("postgres"))
    _broker(folder, places.broker)


def give(folder: Folder, service: str, target: Path, postgres: str) -> None:
    """Copy a service's keys and passwords, and nobody else's."""
    target.mkdir(parents=True, exist_ok=True)
    for role in ROLES:
        name = f"{service}_{role}"
        address = dsn(postgres, name, folder.secret(name), f"lienthong_{service}")
        _secret(target / f"database_{role}", address)
    _secret(target / "kafka_password", folder.secret(f"kafka-{service}"))
    pki = folder.path / "pki"
    _copy(pki / f"service-{service}.key.pem", target / "client.key.pem")
    if (pki / service).is_dir():  # its protocol keys; a new one comes beside the old ones
        for key in (pki / service).glob("*.pem"):
            _copy(key, target / "protocol" / key.name)
    if service == "gateway":
        _copy(pki / "gateway-clients.json", target / "clients.json")


def _broker(folder: Folder, target: Path) -> None:
    """Write the broker's settings, its cluster's id, and the password that formatting needs."""
    target.mkdir(parents=True, exist_ok=True)
    (target / "data").mkdir(exist_ok=True)
    if not (target / JWKS).exists():
        (target / JWKS).write_text(json.dumps({"keys": []}))
    if not (target / "cluster-id").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        (target / "cluster-id").write_text(cluster)
    _secret(target / "admin", folder.secret("admin"))
    _secret(target / "server.properties", settings(folder, target))


def settings(folder: Folder, target: Path) -> str:
    """Return `infra/kafka/server.properties` for a broker that others reach by its name."""
    where = addresses()
    ports = {
        "kafka": _port(where["kafka"]),
        "kafka_oauth": _port(where["kafka_oauth"]),
        "kafka_controller": 9093,
        "gateway": _port(where["gateway"]),
    }
    kafka = replace(Kafka.at(folder, ports), issuer=where["gateway"])
    text = kafka.settings(data=target / "data", jwks=target / JWKS)
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("listeners="):
            wide = line.replace("CLIENT://127.0.0.1", "CLIENT://0.0.0.0")
            lines.append(wide.replace("OAUTH://127.0.0.1", "OAUTH://0.0.0.0"))
        elif line.startswith("advertised.listeners="):
            both = (f"CLIENT://{where['kafka']}", f"OAUTH://{where['kafka_oauth']}")
            lines.append(f"advertised.listeners={','.join(both)}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _secret(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    path.chmod(_SECRET)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(_SECRET)


def main() -> None:
    """Share into the volumes, and hand each to the user that all containers run as."""
    share(Places(Path(STATE), Path(KEYS), Path(BROKER)), addresses())
    for volume in OWNED:
        for path in (Path(volume), *Path(volume).rglob("*")):
            os.chown(path, UID, UID)
    print("keys and secrets are there; each part has its own")


if __name__ == "__main__":
    main()
