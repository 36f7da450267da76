"""What the gateway is told by its environment (`GATEWAY_…`)."""

from pathlib import Path

from pydantic import Field
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

    requests_per_second: float = Field(default=500, gt=0)
    """What one client may ask of this instance for long; in front of the door are no others."""
    requests_at_once: int = Field(default=2000, ge=1)
    """What it may ask in one go before that rate holds."""
    open_requests: int = Field(default=500, ge=1)
    """Requests of one client that may be open at a time."""
    passed_at_once: int = Field(default=100, ge=1)
    """Of those, how many are with a service; the others wait in the client's own queue."""
    open_waits: int = Field(default=500, ge=1)
    """Event streams and leases that wait, of one client, besides."""
    failed_tokens: int = Field(default=20, ge=1)
    """Failed token requests in one go, of one client id at one address; then one a second."""
    tokens_per_second: float = Field(default=10, gt=0)
    """Tokens that one client may be issued for long; each is good for many requests."""
    tokens_at_once: int = Field(default=100, ge=1)
    """Tokens that it may be issued in one go before that rate holds."""
