"""Notes in, effects out: what tests of consumers write and look at."""

from contextlib import AbstractAsyncContextManager

from shared import outbox
from shared.relay import relay
from tests.fixtures.eventually import eventually
from tests.shared.conftest import Ground
from tests.shared.notes import Noted
from tests.shared.transport import look


async def put(ground: Ground, topic: str, *notes: tuple[str, int]) -> None:
    """Write notes (about, number) into the outbox."""
    events = [Noted(where=topic, about=about, number=number) for about, number in notes]
    await ground.db.as_worker(lambda conn: outbox.put_all(conn, events))


async def done(ground: Ground) -> list[tuple[str, int]]:
    """Return the effects in the order they came."""
    rows = await look(ground.databases, "select about, number from effects order by n")
    return [(row[0], row[1]) for row in rows]


async def has_done(ground: Ground, *notes: tuple[str, int]) -> None:
    """Wait until exactly these effects are there."""

    async def there() -> bool:
        return sorted(await done(ground)) == sorted(notes)

    await eventually(there, f"the effects are {notes}", timeout=30)


def sending(ground: Ground) -> AbstractAsyncContextManager[None]:
    """Relay the ground's outbox for the length of a `with`."""
    return ground.running(relay(ground.db, ground.access, service="docs"))
