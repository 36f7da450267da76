"""Numbering, pushing and the relay as a process to be killed: `number_process.py <JSON>`."""

import asyncio
import json
import sys
from functools import partial

from services.notify import push
from services.notify.ears import Ears
from shared import telemetry
from shared.db import Database
from shared.kafka import KafkaAccess
from shared.process import repeat, run, together
from shared.relay import relay
from shared.settings import ServiceSettings
from tests.fixtures.database import settings_on
from tests.fixtures.stack import Databases


async def work(settings: ServiceSettings, access: KafkaAccess, stop: asyncio.Event) -> None:
    """Number and relay until the end."""
    async with Database.open(settings) as db:
        db.migrated = True
        number = repeat(push.Teller(db, Ears()).tell, name="number", bell=db.bell)
        await together(stop, number, relay(db, access, service="notify"))


def main(text: str) -> None:
    """Run until SIGTERM."""
    raw = json.loads(text)
    access = KafkaAccess(**raw["access"])
    settings = settings_on(
        Databases(**raw["databases"]),
        "notify",
        bootstrap=access.bootstrap,
        password=access.password,
    )
    telemetry.start(settings)
    run(partial(work, settings, access))


if __name__ == "__main__":
    main(sys.argv[1])
