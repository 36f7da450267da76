"""Settings of notify: the environment, with the prefix `NOTIFY_`."""

from pathlib import Path
from typing import Literal

from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What notify is told beside what every service is told."""

    model_config = SettingsConfigDict(env_prefix="NOTIFY_", extra="ignore", frozen=True)

    service: Service = "notify"
    receipt_keys: Path
    """Folder of `<kid>.pem`: receipt key, its certificate, the issuing CA's."""
    kafka_outside: Literal["SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    """How integrators reach Kafka's second listener: `SASL_SSL` beyond one machine."""
    docs_url: str
    gateway_url: str

    external_token_endpoint: str | None = None
    """Where clients get their tokens from an external issuer."""

    @property
    def token_endpoint(self) -> str:
        """Return where clients get their tokens."""
        return self.external_token_endpoint or f"{self.issuer.rstrip('/')}/oauth/token"
