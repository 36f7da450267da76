"""From when on the doctor speaks: settings of its own, `DOCTOR_…` in the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Limits(BaseSettings):
    """What counts as too much, too old or too little."""

    model_config = SettingsConfigDict(env_prefix="DOCTOR_", frozen=True)

    skew_seconds: float = Field(default=2, gt=0)
    """Clocks may differ by so much (HTTP tells whole seconds, so 1 is added for services)."""
    disk_least_mb: int = Field(default=1024, ge=0)
    """Less free space than this is a fault: a stack would not even start."""
    disk_low_mb: int = Field(default=5120, ge=0)
    """Less free space than this is worth a look."""
    outbox_seconds: float = Field(default=15, gt=0)
    """An event may wait so long for Kafka."""
    examination_seconds: float = Field(default=60, gt=0)
    """A file may wait so long for its final verdict."""
    dispatch_seconds: float = Field(default=60, gt=0)
    """A dispatch may wait so long until its last copy is numbered or refused."""
    lag_records: int = Field(default=5000, gt=0)
    """So many unread records are a fault, however fast they are read."""
    expiry_days: int = Field(default=30, gt=0)
    """A certificate should be renewed so long before its end."""
    list_hours: float = Field(default=6, gt=0)
    """A revocation list should last at least so much longer."""
    sample_seconds: float = Field(default=1, gt=0, le=3)
    """How far apart the two looks at every gauge are: what only passes through is no finding."""
