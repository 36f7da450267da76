"""The audit of certificates knows the trust list: other authorities, and those that ended."""

import asyncio
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from infra.audit.certificates import Register, check_certificate, registered
from infra.audit.finding import Books
from infra.audit.store_judged import CERTIFICATES, LISTS
from services.signing.revoke import revoke
from services.signing.trustlist import EndAuthority
from tests.signing.desk import AGENCIES, Desk
from tests.signing.elsewhere import crl
from tests.signing.trusting import Trusting


async def audited(desk: Desk) -> list[str]:
    """Return what the audit finds at the certificates."""

    async def read(question: str) -> list[Mapping[str, Any]]:
        return [dict(row) for row in await desk.db.as_worker(lambda conn: conn.fetch(question))]

    lists = await read(LISTS)
    register = Register(
        registered(desk.authorities.folder),
        {row["authority"]: x509.load_der_x509_crl(row["der"]) for row in lists},
        {row["authority"]: row["number"] for row in lists},
        AGENCIES,
    )
    books = Books({})
    for row in await read(CERTIFICATES["certificate"][1]):
        books.note(check_certificate((row["sha256"],), {"certificate": [row]}, books, register))
    assert books.counted["certificates"]
    return [one.what for one in books.findings]


async def test_it_finds_nothing_where_lists_and_the_trust_list_were_heeded(
    idle: Trusting,
) -> None:
    assert await audited(idle.desk) == []
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding())
    _, serials = await asyncio.to_thread(idle.paper)
    await idle.desk.register.tend()
    await idle.work()
    assert await audited(idle.desk) == []
    idle.site.serve("/crl", crl(idle.ca, serials[0], number=2))
    await idle.again()
    assert await audited(idle.desk) == []
    sha256 = await idle.desk.db.as_worker(
        lambda conn: conn.fetchval("select sha256 from certificates where serial = $1", serials[1])
    )
    await idle.desk.db.as_worker(
        lambda conn: revoke(conn, idle.desk.authorities, sha256=sha256, reason="superseded")
    )
    await idle.agree(EndAuthority(action="end", name="other"))
    assert await audited(idle.desk) == []


async def test_it_finds_an_issuer_that_is_not_and_a_state_that_no_list_tells(
    idle: Trusting,
) -> None:
    await idle.desk.execute(
        "update certificates set issuer = 'root' where sha256 ="
        " (select min(sha256) from certificates where kind = 'seal')"
    )
    assert "was not issued by root" in await audited(idle.desk)
    await idle.desk.execute(
        "update certificates set state = 'revoked', revoked_at = now(), reason = 'unspecified'"
        " where issuer = 'root' and kind = 'authority'"
    )
    assert [one for one in await audited(idle.desk) if "state is revoked, not good" in one]
