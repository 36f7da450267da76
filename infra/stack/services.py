"""The four services: what each instance is told, and how it says that it is ready."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from infra.postgres.provision import ROLES, dsn
from infra.stack.folder import SERVICES, TREE, Folder
from infra.stack.launch import Launch
from infra.stack.part import NotYet, Say

_PATIENCE = 2.0
_METADATA = "/.well-known/oauth-authorization-server"
ONE_LIFE = "LIFE_"
"""`LIFE_LD_PRELOAD=…` beside `start` is LD_PRELOAD for one life of one process."""
ARMED = "FAILPOINTS"
"""`FAILPOINTS=1` beside `up`: a process that runs takes a fail point laid into `NAME.failpoint`."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where the parts of the stack are found."""

    urls: Mapping[str, str]
    """Each service's public address."""
    postgres_port: int
    kafka: str
    otlp: str
    seed: str
    """Path of the seed file."""
    traces: str = ""
    """What a trace id is put behind to see the trace in Jaeger; empty: nowhere."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a service, with the two sockets it inherits from the supervisor."""

    service: str
    number: int
    folder: Folder
    where: Where
    listen_fd: int
    private_fd: int
    private_url: str
    given: dict[str, str] = field(default_factory=dict[str, str])
    """What the person who started it says in addition (FAILPOINT, LIFE_…, other addresses)."""
    outlives: bool = False

    @property
    def name(self) -> str:
        """`docs`, and `docs-2`, … for the further ones."""
        return self.service if self.number == 1 else f"{self.service}-{self.number}"

    @property
    def address(self) -> str:
        """The service's address, which all its instances share."""
        return self.where.urls[self.service]

    async def prepare(self, say: Say) -> None:
        """Need nothing: the parts were made before."""
        del say

    def launch(self) -> Launch:
        """Say how the instance is started. A fail point is given to one life only."""
        env = self._environment()
        for name, value in [*self.given.items()]:
            env[name.removeprefix(ONE_LIFE)] = value
            if is_for_one_life(name):
                del self.given[name]
        return Launch(
            argv=(sys.executable, "-m", f"services.{self.service}"),
            env=env,
            fds=(self.listen_fd, self.private_fd),
            cwd=TREE,
        )

    async def check(self) -> None:
        """Return if `/health/ready` says 200; raises NotYet with what it says instead."""
        status, text = await ask(self.private_url, "/health/ready")
        if status != 200:  # noqa: PLR2004 (HTTP's OK)
            raise NotYet(f"/health/ready says {status}: {text[:200]}")

    async def provision(self) -> None:
        """Need nothing: a service brings its own database up."""

    def _environment(self) -> dict[str, str]:
        run, service = self.folder.path, self.service
        told = {
            "service": service,
            "instance": f"{service}-{self.number}",
            "listen_fd": str(self.listen_fd),
            "private_fd": str(self.private_fd),
            "kafka_bootstrap": self.where.kafka,
            "kafka_user": service,
            "kafka_password": self.folder.secret(f"kafka-{service}"),
            "issuer": self.where.urls["gateway"],
            "issuer_metadata": self.where.urls["gateway"] + _METADATA,
            "client_key": str(run / "pki" / f"service-{service}.key.pem"),
            "otlp_endpoint": self.where.otlp,
            "blobs": str(run / "blobs"),
            "public_url": self.address,
            **{f"database_{role}": self._database(role) for role in ROLES},
            **{f"{name}_url": url for name, url in self.where.urls.items()},
            **self._own(),
        }
        prefix = service.upper()
        env = {f"{prefix}_{name.upper()}": value for name, value in told.items()}
        # What the environment of `make up` says comes first: a proxy can sit between any two.
        said = {name: value for name, value in os.environ.items() if name.startswith(f"{prefix}_")}
        if os.environ.get(ARMED, ""):
            said["FAILPOINT_FILE"] = str(run / f"{self.name}.failpoint")
        return env | said | {"PYTHONUNBUFFERED": "1"}

    def _database(self, role: str) -> str:
        name = f"{self.service}_{role}"
        secret = self.folder.secret(name)
        return dsn(self.where.postgres_port, name, secret, f"lienthong_{self.service}")

    def _own(self) -> dict[str, str]:
        """Return what only this service is told."""
        pki = self.folder.path / "pki"
        return {
            "docs": {"seed": self.where.seed}
            | ({"trace_url": self.where.traces} if self.where.traces else {}),
            "signing": {"pki": str(pki)},
            "notify": {"receipt_keys": str(pki / "notify")},
            "gateway": {
                "token_keys": str(pki / "gateway"),
                "clients": str(pki / "gateway-clients.json"),
            },
        }[self.service]


def is_for_one_life(name: str) -> bool:
    """Say whether what is given under this name ends with the process that it is given to."""
    return name == "FAILPOINT" or name.startswith(ONE_LIFE)


def environment_given() -> dict[str, str]:
    """Return what this process's environment says to services beyond what they are told anyway."""
    prefixes = tuple(f"{service.upper()}_" for service in SERVICES)
    return {
        name: value
        for name, value in os.environ.items()
        if is_for_one_life(name) or name.startswith(prefixes)
    }


async def ask(url: str, path: str) -> tuple[int, str]:
    """Get a page from a private address; raises NotYet when nobody answers in time.

    The supervisor holds the socket, so a connection to a process that is not there yet waits in
    the backlog instead of being refused.
    """
    host, port = urlsplit(url).hostname, urlsplit(url).port
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                answer = (await reader.read()).decode(errors="replace")
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise NotYet("does not answer on its private port") from error
    head, _, body = answer.partition("\r\n\r\n")
    words = head.split()
    if len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 (HTTP/1.x, status)
        raise NotYet("answers nothing on its private port")
    return int(words[1]), body.strip()
