"""Settings of signing: the environment, with the prefix `SIGNING_`."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings

_LEAST, _MOST = 2, 64


def _processors() -> int:
    """Return how many processors this process may use, within bounds."""
    return min(max(len(os.sched_getaffinity(0)), _LEAST), _MOST)


class Settings(ServiceSettings):
    """What signing is told beside what every service is told."""

    model_config = SettingsConfigDict(env_prefix="SIGNING_", extra="ignore", frozen=True)

    service: Service = "signing"
    blobs: Path
    """Folder of the files, by SHA-256: the same as that of docs."""
    pki: Path
    """Folder of the authorities' certificates, the issuing CA's key and the register."""
    workers: int = Field(default_factory=_processors, ge=1, le=_MOST)
    """Processes that examine files, and as many that prepare and validate: one core each.

    Two on one core, too: while one waits for PostgreSQL or the disk the other judges, and one slow
    file, which keeps its slot for up to a second, is not in the way of all others.
    """
    docs_url: str
    gateway_url: str
