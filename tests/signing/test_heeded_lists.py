"""Which list counts where several could, and what none of them undoes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from cryptography.x509 import ReasonFlags

from services.signing import heed
from services.signing.revoke import revoke
from services.signing.store import fetches, lists, standing
from services.signing.store.fetches import Unapplied
from services.signing.store.lists import Published
from services.signing.store.standing import Otherwise
from shared.db import Connection
from tests.signing.elsewhere import crl, lasting, make_ca
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


async def test_an_authority_that_is_listed_later_stands_as_lists_said_before(
    idle: Trusting,
) -> None:
    middle = make_ca("CA trung gian", by=idle.ca)
    named = middle.certificate.serial_number
    idle.site.serve("/crl", crl(idle.ca, named, number=1))
    await idle.agree(idle.adding(purposes=["authority"]))
    await idle.work()
    below = replace(idle, ca=middle)
    await below.agree(below.adding("middle", anchor=False, crl=[]))
    await idle.work()
    assert await states(idle, [named]) == ["revoked"]


async def test_what_the_registrar_revokes_while_a_list_is_heeded_stays_revoked(
    idle: Trusting, monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = await registered(idle)
    hold = ReasonFlags.certificate_hold
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=2, reason=hold))
    await idle.again()
    assert await states(idle, serials) == ["suspended", "good"]
    desk, other_states = idle.desk, standing.other_states
    sha256 = await desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[0])
    )

    async def meanwhile(
        conn: Connection,
        issuers: Sequence[str],
        *,
        revoked: Sequence[int],
        suspended: Sequence[int],
        most: int,
        spoken_of: Sequence[int] | None,
        as_of: datetime,
    ) -> list[Otherwise]:
        assert spoken_of is None
        found = await other_states(
            conn, issuers, revoked=revoked, suspended=suspended, most=most, as_of=as_of
        )
        await desk.db.as_worker(
            lambda other: revoke(other, desk.authorities, sha256=sha256, reason="keyCompromise")
        )
        return found

    monkeypatch.setattr(standing, "other_states", meanwhile)
    idle.site.serve("/crl", crl(idle.ca, number=3))
    await idle.again()
    assert (await idle.freshness()).number == 3
    assert await states(idle, serials) == ["revoked", "good"]
