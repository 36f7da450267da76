"""The routes of notify as a process to be killed: `http_process.py <JSON>`, socket inherited."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from services.notify.api import create
from services.notify.connecting import Doors
from services.notify.ears import Ears
from services.notify.keys import ReceiptKeys
from services.notify.receive import Desk
from shared import telemetry
from shared.db import Database
from shared.identity import Guard
from shared.process import http, run
from tests.fixtures.stack import Databases
from tests.notify.issuer import Issuer
from tests.notify.running import settings_for


async def work(text: str, stop: asyncio.Event) -> None:
    """Serve until the end."""
    raw = json.loads(text)
    issuer = Issuer(raw["issuer"], ec.generate_private_key(ec.SECP256R1()), [])
    settings = settings_for(Databases(**raw["databases"]), issuer, Path(raw["pki"]))
    telemetry.start(settings)
    async with AsyncExitStack() as opened:
        db = await opened.enter_async_context(Database.open(settings))
        db.migrated = True
        app = create()
        app.state.db, app.state.ears = db, Ears()
        app.state.guard = await opened.enter_async_context(Guard.open(settings, db))
        app.state.desk = Desk(ReceiptKeys(settings.receipt_keys), settings.issuer)
        app.state.doors = Doors(settings.token_endpoint, settings.audience)
        await http(app, fd=raw["fd"])(stop)


if __name__ == "__main__":
    run(partial(work, sys.argv[1]))
