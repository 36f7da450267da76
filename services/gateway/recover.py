"""After a restore: clients are brought to what was told last; none that was revoked comes back."""

from functools import partial

import structlog

from services.gateway import clients
from services.gateway.store import lives
from shared.db import Database
from shared.events import ClientChanged
from shared.events.types import CLIENTS
from shared.kafka import KafkaAccess
from shared.readback import newest
from shared.restored import Recovery

_log = structlog.get_logger()


def recovery(db: Database, access: KafkaAccess) -> Recovery:
    """Return what keeps the gateway from issuing tokens and changing clients until it is done.

    The services themselves get theirs: nobody but the bootstrap file changes them.
    """

    async def work() -> None:
        states = await newest(db, access, CLIENTS, ClientChanged)
        taken = await db.as_worker(partial(clients.take_back, events=states))
        await db.as_worker(lives.recovered)
        _log.warning("clients read back", clients=taken)

    return Recovery(db, service="gateway", asked=lives.recovering, work=work)
