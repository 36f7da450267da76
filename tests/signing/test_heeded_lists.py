"""Which list counts where several could, and what none of them undoes."""

import pytest

from services.signing import heed
from services.signing.store import fetches, lists
from services.signing.store.fetches import Unapplied
from services.signing.store.lists import Published
from tests.signing.elsewhere import crl, lasting
from tests.signing.test_fetch import states
from tests.signing.test_heeding import registered
from tests.signing.trusting import Trusting


async def test_a_list_by_a_clock_that_was_ahead_hides_none_that_follows(idle: Trusting) -> None:
    """A root's list is taken over by its number alone."""
    serials = await registered(idle)
    sooner = lasting(hours=24, since_minutes=60)
    content = crl(idle.ca, serials[0], number=2, period=sooner)
    following = Published("other", 2, sooner.begins, sooner.ends, content)
    await idle.desk.db.as_worker(lambda conn: lists.insert(conn, following))
    assert await heed.heed(idle.bench)
    assert await states(idle, serials) == ["revoked", "good"]
    assert not await heed.heed(idle.bench)


async def test_what_was_not_heeded_is_not_looked_for_again_at_once(
    idle: Trusting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nothing would be fetched meanwhile."""
    await registered(idle)

    async def passed(*_: object) -> list[Unapplied]:
        return [Unapplied("other", 0, -1)]

    monkeypatch.setattr(fetches, "unapplied", passed)
    assert not await heed.heed(idle.bench)
