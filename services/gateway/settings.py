"""What the gateway is told by its environment (`GATEWAY_…`)."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.events.topics import Service
from shared.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Settings of one instance of the gateway."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", frozen=True)

    service: Service = "gateway"
    token_keys: Path
    """Folder of `<kid>.pem`: private key and certificate chain. Changes are noticed."""
    clients: Path | None = None
    """JSON file of clients to begin with; none: they come by the API only."""
    public_url: str
    """The address under which the world sees the gateway."""
    docs_url: str
    signing_url: str
    notify_url: str
