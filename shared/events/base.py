"""What every event has in common."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

TYPE_PREFIX = "vn.lienthong."


class Event(BaseModel):
    """One fact. Its JSON is the value of a Kafka record (CloudEvents binary mode).

    Unknown fields are ignored when reading, so that a newer writer does not stop an older reader.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    NAME: ClassVar[str]
    """Name and version, such as `document.dispatched.v1`; `ce_type` puts `vn.lienthong.` before."""

    @classmethod
    def ce_type(cls) -> str:
        """Return the CloudEvents type."""
        return TYPE_PREFIX + cls.NAME

    @abstractmethod
    def topic(self) -> str:
        """Return the full name of the topic this event goes to."""

    @abstractmethod
    def key(self) -> str:
        """Return the record's key: order is promised per key only."""

    def extensions(self) -> dict[str, str]:
        """Return extra record headers that must be readable when the value is not."""
        return {}

    def to_json(self) -> bytes:
        """Return the bytes that go on the wire."""
        return self.__pydantic_serializer__.to_json(self)
