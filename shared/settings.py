"""Settings from the environment: built once in `__main__`, all faults listed at once."""

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.events.topics import Service

S = TypeVar("S", bound=BaseSettings)

AUDIENCE = "https://lienthong.vn/api"
"""`aud` of the tokens that connected systems get, for REST and for Kafka alike."""

FAULTY_SETTINGS = 2
"""Exit status when the environment does not describe a service."""


class ServiceSettings(BaseSettings):
    """What every service is told. Variables carry the service's prefix, such as `DOCS_`."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    service: Service
    instance: str
    """Name of this process, such as `docs-1`: `service.instance.id` of its spans."""

    listen_fd: int
    """An inherited listening socket, shared by all instances of the service."""
    private_fd: int
    """An inherited listening socket of this instance alone: health and metrics."""

    database_owner: SecretStr
    """PostgreSQL DSN of the role that runs migrations."""
    database_app: SecretStr
    """DSN of the role that serves requests (row-level security)."""
    database_worker: SecretStr
    """DSN of the role of background work."""

    kafka_bootstrap: str
    kafka_user: str
    kafka_password: SecretStr

    issuer: str
    """`iss` of the tokens to accept: the gateway's public address, or an external issuer."""
    issuer_metadata: str
    """URL of the issuer's RFC 8414 metadata, which names its JWKS and token endpoint."""
    audience: str = AUDIENCE
    """`aud` of clients' tokens."""
    external_issuer: bool = False
    """True when tokens come from an issuer that is not our gateway."""

    client_key: Path
    """PEM private key with which this service gets tokens for `/internal` calls."""

    otlp_endpoint: str | None = None
    """Base URL of an OTLP/HTTP receiver; none: no traces are sent."""


def load(settings: type[S]) -> S:
    """Build the settings, or print every fault on standard error and exit with status 2."""
    try:
        return settings()
    except ValidationError as error:
        prefix = str(settings.model_config.get("env_prefix", ""))
        for fault in error.errors():
            name = prefix + "_".join(str(part) for part in fault["loc"]).upper()
            print(f"{name}: {fault['msg']}", file=sys.stderr)  # noqa: T201 (no log yet)
        raise SystemExit(FAULTY_SETTINGS) from None
