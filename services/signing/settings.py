"""Settings of signing: the environment, with the prefix `SIGNING_`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What signing is told beside what every service is told."""

    model_config = SettingsConfigDict(env_prefix="SIGNING_", extra="ignore", frozen=True)

    service: Service = "signing"
    blobs: Path
    """Folder of the files, by SHA-256: the same as that of docs."""
    pki: Path
    """Folder of the authorities' certificates, the issuing CA's key and the register."""
    workers: int = Field(default=2, ge=1, le=64)
    """Processes that examine files; one core each."""
    docs_url: str
    gateway_url: str
