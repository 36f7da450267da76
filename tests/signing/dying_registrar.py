"""A process that revokes one certificate, to be killed: `dying_registrar.py <JSON>`."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import SecretStr

from services.signing.keys import Authorities
from services.signing.revoke import revoke_lasting
from shared.db import Database
from tests.fixtures.database import settings_on
from tests.fixtures.stack import Databases


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to revoke."""

    databases: Databases
    pki: str
    certificate: str

    def text(self) -> str:
        """Return the argument of the command line."""
        return json.dumps(asdict(self))


async def revoke(order: Order) -> None:
    """Revoke the certificate as the route does."""
    settings = settings_on(order.databases, "signing", bootstrap="127.0.0.1:1", password="none")  # noqa: S106
    settings = settings.model_copy(update={"kafka_password": SecretStr("none")})
    authorities = Authorities(Path(order.pki))
    async with Database.open(settings) as db:
        db.migrated = True
        await revoke_lasting(db, authorities, sha256=order.certificate, reason="keyCompromise")


def main(text: str) -> None:
    """Revoke once."""
    raw = json.loads(text)
    databases = Databases(**raw.pop("databases"))
    asyncio.run(revoke(Order(databases, **raw)))


if __name__ == "__main__":
    main(sys.argv[1])
