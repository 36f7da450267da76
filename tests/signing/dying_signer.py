"""A process that activates one signature, to be killed: `dying_signer.py <JSON>`."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

from services.signing.anchor import Anchor
from services.signing.bench import LIMITS, Bench
from services.signing.forks import Forks
from services.signing.keys import Authorities, KeyFiles
from services.signing.pool import Worker
from services.signing.sign import activate
from services.signing.turns import Turns
from shared.blobs import BlobStore
from shared.db import Database
from shared.ids import AgencyId, SignatureId
from tests.fixtures.database import settings_on
from tests.fixtures.stack import Databases


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to sign, and with what."""

    databases: Databases
    pki: str
    blobs: str
    signature: str
    agency: str

    def text(self) -> str:
        """Return the argument of the command line."""
        return json.dumps(asdict(self))


async def sign(order: Order) -> None:
    """Activate the signature as the service does."""
    settings = settings_on(order.databases, "signing", bootstrap="127.0.0.1:1", password="none")  # noqa: S106
    settings = settings.model_copy(update={"kafka_password": SecretStr("none")})
    authorities = Authorities(Path(order.pki))
    async with Database.open(settings) as db, Forks.open() as forks:
        db.migrated = True
        keys = KeyFiles(authorities.folder / "keys")
        worker = Worker(LIMITS, forks)
        blobs = BlobStore(Path(order.blobs))
        bench = Bench(db, blobs, keys, Anchor(), Turns((worker,)), forks)
        try:
            await activate(
                bench,
                SignatureId(UUID(order.signature)),
                pin="development",
                agency=AgencyId(UUID(order.agency)),
                client_id="sys-dying",
            )
        finally:
            await worker.end()


def main(text: str) -> None:
    """Sign once."""
    raw = json.loads(text)
    databases = Databases(**raw.pop("databases"))
    asyncio.run(sign(Order(databases, **raw)))


if __name__ == "__main__":
    main(sys.argv[1])
