"""An event for tests of transport: it goes to whatever topic a test has made."""

from typing import ClassVar
from uuid import UUID

from shared.events import Event


class Noted(Event):
    """A note on a topic of a test's own."""

    NAME: ClassVar[str] = "test.noted.v1"

    where: str
    about: str
    number: int
    text: str = ""
    document_id: UUID | None = None

    def topic(self) -> str:
        return self.where

    def key(self) -> str:
        return self.about


class Other(Event):
    """An event that nobody handles."""

    NAME: ClassVar[str] = "test.other.v1"

    where: str

    def topic(self) -> str:
        return self.where

    def key(self) -> str:
        return "other"
