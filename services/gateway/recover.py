"""After a restore: clients are brought to what was told last; none that was revoked comes back."""

from collections.abc import Sequence
from functools import partial

import structlog

from services.gateway import clients
from services.gateway.store import lives
from shared.db import Database
from shared.events import ClientChanged
from shared.events.types import CLIENTS
from shared.kafka import TYPE_HEADER, KafkaAccess, Record
from shared.readback import read_back
from shared.restored import Recovery

_log = structlog.get_logger()


def recovery(db: Database, access: KafkaAccess) -> Recovery:
    """Return what keeps the gateway from issuing tokens and changing clients until it is done.

    The services themselves get theirs: nobody but the bootstrap file changes them.
    """

    async def work() -> None:
        newest: dict[str, ClientChanged] = {}

        async def take(records: Sequence[Record]) -> None:
            for record in records:
                if record.headers.get(TYPE_HEADER) == ClientChanged.ce_type():
                    event = ClientChanged.model_validate_json(record.value)
                    known = newest.get(event.client_id)
                    if known is None or known.version < event.version:
                        newest[event.client_id] = event

        await read_back(db, access, [CLIENTS], take, whole=True)
        taken = await db.as_worker(partial(clients.take_back, events=list(newest.values())))
        await db.as_worker(lives.recovered)
        _log.warning("clients read back", clients=taken)

    return Recovery(db, service="gateway", asked=lives.recovering, work=work)
