"""Settings of docs: the environment, with the prefix `DOCS_`."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What docs is told beside what every service is told."""

    model_config = SettingsConfigDict(env_prefix="DOCS_", extra="ignore", frozen=True)

    service: Service = "docs"
    blobs: Path
    """Folder of the files, by digest; signing reads them there."""
    seed: Path | None = None
    """A seed file (CSV) that fills an empty directory."""
    signing_url: str
    notify_url: str
    gateway_url: str
    trace_url: str | None = None
    """What a trace id is put behind to see the trace; shown to operators only."""
