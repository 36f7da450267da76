"""Where things are among the containers: addresses, volumes, images; all from the stack's data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.containers.entry import PRIVATE_PORT
from infra.doctor.machine import jaeger_version, kafka_version
from infra.stack.folder import SERVICES, TREE, Folder
from infra.stack.kafka import JWKS
from infra.stack.ports import USUAL
from infra.stack.postgres import VERSION as POSTGRES_VERSION
from infra.stack.provisioner import Provisioner
from infra.stack.services import Instance, Where

UID = 10001
APP = "/app"
SEED = "infra/seed/articles.csv"
STATE, KEYS, BROKER, PKI, BLOBS, SPANS = (
    "/state",
    "/keys",
    "/broker",
    "/state/pki",
    "/blobs",
    "/spans",
)
OWNED = (STATE, KEYS, BROKER, BLOBS, SPANS)
"""The volumes that the first container gives to the user of the others."""
_POSTGRES_PORT = 5432
_FIRST_JAEGER_2 = 63
"""Jaeger 2.0 is its module 1.63; both have counted together since."""
_SECRETS = re.compile(r"_(DATABASE_\w+|KAFKA_PASSWORD)$")
_SOCKETS = re.compile(r"_(LISTEN_FD|PRIVATE_FD)$")


def images() -> dict[str, str]:
    """Return the images of the parts that are not ours, by the versions that the stack runs."""
    kafka = ".".join(map(str, kafka_version()))
    return {
        "postgres": f"postgres:{POSTGRES_VERSION}",
        "kafka": f"apache/kafka:{kafka}",
        "jaeger": f"jaegertracing/jaeger:2.{jaeger_version()[1] - _FIRST_JAEGER_2}.0",
    }


def addresses() -> dict[str, str]:
    """Return what `ports.json` says among the containers."""
    urls = {service: f"http://{service}:{USUAL[service]}" for service in SERVICES}
    return {
        **urls,
        "kafka": f"kafka:{USUAL['kafka']}",
        # Integrators come from outside, to the port that is published.
        "kafka_oauth": f"localhost:{USUAL['kafka_oauth']}",
        "postgres": f"postgres:{_POSTGRES_PORT}",
        "jaeger": f"http://jaeger:{USUAL['jaeger']}",
        "otlp": f"http://jaeger:{USUAL['otlp']}",
    }


@dataclass(frozen=True, slots=True)
class _Moved:
    """From a path on this machine to the one in a container."""

    run: Path
    service: str

    def to(self, value: str) -> str:
        places = {
            str(self.run / "pki" / f"service-{self.service}.key.pem"): f"{KEYS}/client.key.pem",
            str(self.run / "pki" / "gateway-clients.json"): f"{KEYS}/clients.json",
            str(self.run / "pki" / self.service): f"{KEYS}/protocol",
            str(self.run / "pki"): PKI,
            str(self.run / "blobs"): BLOBS,
            str(self.run): STATE,
            str(TREE): APP,
        }
        for here, there in places.items():  # the longer ones stand first
            if value == here or value.startswith(f"{here}/"):
                return there + value.removeprefix(here)
        return value


def environment(service: str, fields: Mapping[str, object]) -> dict[str, str]:
    """Return what a service is told in its container: what the stack tells it, with moved paths.

    `fields`: of its settings. Secrets come as files (`…_FILE`), sockets from the image's entry.
    """
    prefix = f"{service.upper()}_"
    where = Where(
        urls={name: addresses()[name] for name in SERVICES},
        postgres_port=_POSTGRES_PORT,
        kafka=addresses()["kafka"],
        otlp=addresses()["otlp"],
        seed=str(TREE / SEED),
        traces=f"http://localhost:{USUAL['jaeger']}/trace/",  # for a person outside
    )
    with TemporaryDirectory() as folder:
        run = Path(folder)
        told = Instance(service, 1, Folder(run), where, 0, 0, "").launch().env
    moved = _Moved(run, service)
    said: dict[str, str] = {}
    for name, value in sorted(told.items()):
        if name.removeprefix(prefix).lower() not in fields or _SOCKETS.search(name):
            continue
        if _SECRETS.search(name):
            said[f"{name}_FILE"] = f"{KEYS}/{name.removeprefix(prefix).lower()}"
        else:
            said[name] = moved.to(value)
    return said


def provisioners_environment() -> dict[str, str]:
    """Return what the provisioner is told in its container."""
    run = Path("/…")
    told = Provisioner(Folder(run), addresses()).launch().env
    moved = _Moved(run, "")
    said = {name: moved.to(value) for name, value in sorted(told.items())}
    return said | {"PROVISIONER_JWKS": f"{BROKER}/{JWKS}"}


def private_port() -> int:
    """Return the port of health and metrics in every service's container."""
    return PRIVATE_PORT
