"""`python -m infra.containers.compose`: writes `infra/compose.yaml` from the stack's own data."""

import importlib
from typing import Any, TypeAlias

import yaml

from infra.containers.plan import (
    BLOBS,
    BROKER,
    KEYS,
    PKI,
    SPANS,
    STATE,
    UID,
    environment,
    images,
    private_port,
    provisioners_environment,
)
from infra.stack.folder import SERVICES, TREE
from infra.stack.ports import USUAL
from infra.stack.postgres import SETTINGS
from shared.settings import ServiceSettings

FILE = TREE / "infra" / "compose.yaml"
HEAD = """\
# The stack of infra/stack in containers, made from its data: python -m infra.containers.compose
#
#   docker compose -f infra/compose.yaml up --build
#
# Docker was not at hand where this was written: no container of it has run there. Checked by
# tests/doctor/test_containers.py: it is what the generator writes, it is read by the Compose
# Specification's own model, every process of the stack is in it, every name of an environment is a
# field of that service's settings, and a service begins by its image's entry with just these.
"""
_ONCE = "service_completed_successfully"
_HEALTHY = "service_healthy"
_LOCAL = ("listen_addresses", "unix_socket_directories", "log", "logging")
"""Settings of PostgreSQL that only the stack without containers needs."""
Part: TypeAlias = dict[str, Any]


def compose() -> Part:
    """Return the whole file."""
    parts = {
        "share": _share(),
        "postgres": _postgres(),
        "kafka": _kafka(),
        "jaeger": _jaeger(),
        "provision": _provision(),
        **{service: _service(service) for service in SERVICES},
        "provisioner": _provisioner(),
    }
    named = ["state", "pki", "broker", "blobs", "spans", "postgres"]
    volumes: dict[str, Part] = {name: {} for name in named}
    volumes |= {f"keys-{holder}": {} for holder in ("postgres", *SERVICES)}
    return {"name": "lienthong", "services": parts, "volumes": volumes}


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the class of a service's settings."""
    members: dict[str, object] = vars(importlib.import_module(f"services.{service}.settings"))
    return next(
        one
        for one in members.values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one is not ServiceSettings
    )


def _image(service: str) -> Part:
    build = {"context": "..", "dockerfile": "infra/Dockerfile", "args": {"SERVICE": service}}
    return {"image": f"lienthong-{service}", "build": build}


def _share() -> Part:
    """Make keys and secrets, once; the only one that is root, for it gives the volumes away."""
    keys = [f"keys-{holder}:{KEYS}/{holder}" for holder in ("postgres", *SERVICES)]
    return {
        **_image("provisioner"),
        "command": ["python", "-m", "infra.containers.share"],
        "user": "0:0",
        "volumes": [
            f"state:{STATE}",
            f"pki:{PKI}",
            f"broker:{BROKER}",
            f"blobs:{BLOBS}",
            f"spans:{SPANS}",
            *keys,
        ],
    }


def _postgres() -> Part:
    options = [
        word
        for name, value in SETTINGS.items()
        if not name.startswith(_LOCAL)
        for word in ("-c", f"{name}={value}")
    ]
    return {
        "image": images()["postgres"],
        "command": ["postgres", *options],
        "environment": {"POSTGRES_PASSWORD_FILE": f"{KEYS}/password"},
        "volumes": ["postgres:/var/lib/postgresql", f"keys-postgres:{KEYS}:ro"],
        "healthcheck": _health("pg_isready -U postgres -h 127.0.0.1"),
        "restart": "unless-stopped",
        **_after(share=_ONCE),
    }


def _kafka() -> Part:
    scram = f'"SCRAM-SHA-256=[name=admin,password=$$(cat {BROKER}/admin)]"'
    asked = f'-t "$$(cat {BROKER}/cluster-id)" -c {BROKER}/server.properties --add-scram {scram}'
    steps = [
        f"/opt/kafka/bin/kafka-storage.sh format --ignore-formatted {asked}",
        f"exec /opt/kafka/bin/kafka-server-start.sh {BROKER}/server.properties",
    ]
    allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{BROKER}/kafka-jwks.json"
    return {
        "image": images()["kafka"],
        "user": f"{UID}:{UID}",
        "entrypoint": ["/bin/bash", "-euc"],
        "command": [" && ".join(steps)],
        "environment": {
            "KAFKA_HEAP_OPTS": "-Xms256m -Xmx512m",
            "KAFKA_OPTS": allowed,
            "LOG_DIR": f"{BROKER}/log",
        },
        "volumes": [f"broker:{BROKER}"],
        "ports": [f"127.0.0.1:{USUAL['kafka_oauth']}:{USUAL['kafka_oauth']}"],
        "healthcheck": _health(f"exec 3<>/dev/tcp/127.0.0.1/{USUAL['kafka']}", by="/bin/bash"),
        "restart": "unless-stopped",
        **_after(share=_ONCE),
    }


def _jaeger() -> Part:
    said = {
        "JAEGER_QUERY": f"0.0.0.0:{USUAL['jaeger']}",
        "JAEGER_QUERY_GRPC": f"0.0.0.0:{USUAL['jaeger_grpc']}",
        "JAEGER_OTLP": f"0.0.0.0:{USUAL['otlp']}",
        "JAEGER_DATA": SPANS,
    }
    return {
        "image": images()["jaeger"],
        "user": f"{UID}:{UID}",
        "command": ["--config", "/etc/jaeger/config.yaml"],
        "environment": said,
        "volumes": ["./jaeger/config.yaml:/etc/jaeger/config.yaml:ro", f"spans:{SPANS}"],
        "ports": [f"127.0.0.1:{USUAL['jaeger']}:{USUAL['jaeger']}"],
        "restart": "unless-stopped",
        **_after(share=_ONCE),
    }


def _provision() -> Part:
    """Make roles, databases, users, rights and topics; after a wipe again: `run --rm provision`."""
    return {
        **_image("provisioner"),
        "command": ["python", "-m", "infra.provision"],
        "environment": {"LIENTHONG_RUN": STATE},
        "volumes": [f"state:{STATE}"],
        **_after(postgres=_HEALTHY, kafka=_HEALTHY),
    }


def _service(service: str) -> Part:
    volumes = [f"keys-{service}:{KEYS}:ro"]
    told = environment(service, settings_of(service).model_fields)
    volumes += [f"blobs:{BLOBS}"] if BLOBS in told.values() else []
    volumes += [f"pki:{PKI}"] if any(one.startswith(PKI) for one in told.values()) else []
    published = [f"127.0.0.1:{USUAL[service]}:{USUAL[service]}"] if service == "gateway" else []
    return {
        **_image(service),
        "command": [
            *("python", "-m", "infra.containers.entry"),
            *(service, str(USUAL[service])),
        ],
        "environment": told,
        "volumes": volumes,
        **({"ports": published} if published else {}),
        "expose": [str(private_port())],
        "healthcheck": _health("python -m infra.containers.entry healthy"),
        "restart": "unless-stopped",
        "stop_grace_period": "12s",
        **_after(provision=_ONCE),
    }


def _provisioner() -> Part:
    return {
        **_image("provisioner"),
        "command": ["python", "-m", "infra.kafka.provisioner"],
        "environment": provisioners_environment(),
        "volumes": [f"state:{STATE}", f"pki:{PKI}:ro", f"broker:{BROKER}"],
        "restart": "unless-stopped",
        **_after(provision=_ONCE),
    }


def _after(**conditions: str) -> Part:
    return {"depends_on": {name: {"condition": what} for name, what in conditions.items()}}


def _health(command: str, *, by: str = "") -> Part:
    test = ["CMD", by, "-c", command] if by else ["CMD-SHELL", command]
    return {"test": test, "interval": "5s", "timeout": "6s", "retries": 60}


def text() -> str:
    """Return the file as it has to be."""
    return HEAD + yaml.safe_dump(compose(), sort_keys=False, width=100, allow_unicode=True)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(TREE)}")
