"""Settings of notify: the environment, with the prefix `NOTIFY_`."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What notify is told beside what every service is told."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", extra="ignore", frozen=True)

    service: Service = "notify"
    receipt_keys: Path
    """Folder of `<kid>.pem`: receipt key, its certificate, the issuing CA's."""
    docs_url: str
    gateway_url: str
