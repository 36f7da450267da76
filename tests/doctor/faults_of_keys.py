"""Faults of time: a list that is too old, a certificate near its end, a clock that is wrong."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import cast

from cryptography import x509

from infra.pki import authority, establish
from infra.stack.services import ask
from tests.doctor.planting import Ground, Planted
from tests.fixtures.eventually import eventually

_AHEAD = 3600


@asynccontextmanager
async def list_too_old(ground: Ground) -> AsyncGenerator[Planted]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    a_week_ago = now - dt.timedelta(days=7)
    await _publish(ground, authority.Period(a_week_ago, now - dt.timedelta(hours=1)))
    try:
        yield Planted("the root CA's list ended on", "the root's holder signs one")
    finally:
        establish.open_office(ground.folder.path)  # as `make up`: a list that ends soon is renewed
        await _served(ground, _list(ground).next_update_utc or now)


async def _publish(ground: Ground, period: authority.Period) -> None:
    """Have the root sign a list, as its holder would, and wait until signing serves it."""
    folder = ground.folder.path / "pki"
    root = authority.load(folder, "root")
    number = _list(ground).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    made = authority.sign_list(root, number=number + 1, period=period)
    (folder / "root.crl").write_bytes(made)
    await _served(ground, period.ends)


def _list(ground: Ground) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((ground.folder.path / "pki" / "root.crl").read_bytes())


async def _served(ground: Ground, ends: dt.datetime) -> None:
    async def published() -> bool:
        async with ground.owner("signing") as database:
            return ends == await database.fetchval(
                "select next_update from revocation_lists where authority = 'root'"
                " order by number desc limit 1"
            )

    await eventually(published, "signing has taken the list over", timeout=20)


@asynccontextmanager
async def certificate_near_its_end(ground: Ground) -> AsyncGenerator[Planted]:
    """Certify notify's key for a week, in a copy: the running one goes on with its own."""
    copy = ground.copied()
    office = establish.open_office(copy.path)
    key = authority.new_key()
    now = dt.datetime.now(dt.UTC)
    certificate = authority.issue(
        office.issuing,
        authority.subject(common_name="biên nhận", organisation="Liên thông"),
        key,
        use=authority.Use.PROTOCOL,
        addresses=office.addresses,
        period=authority.Period(now - dt.timedelta(days=1), now + dt.timedelta(days=7, hours=1)),
    )
    for old in (copy.path / "pki" / "notify").glob("*.pem"):
        old.unlink()
    content = authority.key_pem(key) + authority.pem(certificate)
    (copy.path / "pki" / "notify" / "short.pem").write_bytes(content)
    yield Planted("notify's key ends in 7 d", "infra.pki rotate notify", copy)


@asynccontextmanager
async def clock_ahead(ground: Ground) -> AsyncGenerator[Planted]:
    """Stand a server with another clock before docs' private port, in a copy of the addresses."""
    ports = ground.stack.ports
    metrics = cast("dict[str, list[str]]", ports["metrics"])
    private = metrics["docs"][0]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readline()).split()[1].decode()
        status, body = await ask(private, path)
        date = formatdate(time.time() + _AHEAD, usegmt=True)
        head = f"HTTP/1.1 {status} OK\r\nDate: {date}\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    copy = ground.copied()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        there = {**ports, "metrics": {**metrics, "docs": [f"http://127.0.0.1:{port}"]}}
        (copy.path / "ports.json").write_text(json.dumps(there))
        yield Planted("docs's clock is 3", "chronyc", copy)
