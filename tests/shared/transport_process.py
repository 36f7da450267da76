"""A process that relays or consumes, to be killed: `transport_process.py <JSON>`."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial

from shared import telemetry
from shared.consumer import On, consume
from shared.db import Connection, Database
from shared.kafka import KafkaAccess, Record
from shared.process import run
from shared.relay import relay
from shared.settings import ServiceSettings
from tests.fixtures.database import settings_on
from tests.fixtures.stack import Databases
from tests.shared.notes import Noted

# The effect of a consumed note is a row here; the test makes the table.
EFFECTS = (
    "create table effects (n bigint generated always as identity primary key,"
    " event_id uuid not null, about text not null, number int not null)"
)


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to do: relay, or consume these topics."""

    databases: Databases
    access: KafkaAccess
    topics: list[str]
    """What to consume; nothing: relay."""

    def settings(self) -> ServiceSettings:
        """Return settings on this database and Kafka."""
        return settings_on(
            self.databases,
            "docs",
            bootstrap=self.access.bootstrap,
            password=self.access.password,
        )

    def text(self) -> str:
        """Return the argument of the command line."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Read the argument of the command line."""
        raw = json.loads(text)
        return cls(Databases(**raw["databases"]), KafkaAccess(**raw["access"]), raw["topics"])


async def note(conn: Connection, event: Noted, record: Record) -> None:
    """Leave an effect."""
    await conn.execute(
        "insert into effects (event_id, about, number) values ($1, $2, $3)",
        record.event_id,
        event.about,
        event.number,
    )


async def work(order: Order, stop: asyncio.Event) -> None:
    """Relay or consume until the end."""
    async with Database.open(order.settings()) as db:
        db.migrated = True
        if order.topics:
            task = consume(
                db, order.access, service="docs", topics=order.topics, handlers=[On(Noted, note)]
            )
        else:
            task = relay(db, order.access, service="docs")
        await task(stop)


def main(text: str) -> None:
    """Run until SIGTERM."""
    order = Order.parse(text)
    telemetry.start(order.settings())
    run(partial(work, order))


if __name__ == "__main__":
    main(sys.argv[1])
