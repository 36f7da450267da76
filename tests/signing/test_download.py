"""Fetching from hosts that are slow, endless, elsewhere, or not to be asked at all."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.signing import download
from services.signing.download import MOST_BYTES, NotFetched, Source
from tests.signing.elsewhere import Site, compressed, dribble, flood, open_site, redirect


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


async def test_what_lies_there_comes_as_it_is(site: Site) -> None:
    address = site.serve("/crl", b"\x30\x00\xff")
    assert await download.get(Source(address, private=True)) == b"\x30\x00\xff"


async def test_no_host_of_the_own_network_unless_the_list_says_so(site: Site) -> None:
    address = site.serve("/crl", b"secret")
    for one in (address, address.replace("127.0.0.1", "localhost")):
        with pytest.raises(NotFetched, match="not an address of the internet"):
            await download.get(Source(one, private=False))
        assert await download.get(Source(one, private=True)) == b"secret"
    assert site.asked == ["/crl", "/crl"]


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("169.254.169.254", True),
        ("[::ffff:169.254.169.254]", True),
        ("0.0.0.0", True),  # noqa: S104 (not bound to)
        ("0", True),
        ("2130706433", False),
        ("0x7f.1", False),
        ("[::ffff:127.0.0.1]", False),
    ],
)
async def test_some_hosts_are_never_asked(site: Site, host: str, *, private: bool) -> None:
    port = site.base.rpartition(":")[2]
    with pytest.raises(NotFetched):
        await download.get(Source(f"http://{host}:{port}/crl", private=private))
    assert site.asked == []


async def test_a_redirect_is_not_followed(site: Site) -> None:
    site.handlers["/crl"] = redirect(site.serve("/inside", b"secret"))
    with pytest.raises(NotFetched, match="answered with 302"):
        await download.get(Source(site.url("/crl"), private=True))
    assert site.asked == ["/crl"]


async def test_a_slow_host_holds_nobody_up(site: Site) -> None:
    site.handlers["/crl"] = dribble
    begun = asyncio.get_running_loop().time()
    with pytest.raises(NotFetched, match="not whole within"):
        await download.get(Source(site.url("/crl"), private=True), seconds=0.5)
    assert asyncio.get_running_loop().time() - begun < 5


async def test_a_flood_is_cut(site: Site) -> None:
    site.handlers["/crl"] = flood
    with pytest.raises(NotFetched, match=f"more than {MOST_BYTES} bytes"):
        await download.get(Source(site.url("/crl"), private=True))


async def test_nothing_is_unpacked(site: Site) -> None:
    site.handlers["/crl"] = compressed
    with pytest.raises(NotFetched, match="compressed"):
        await download.get(Source(site.url("/crl"), private=True))


async def test_whoever_is_not_there_is_not_fetched(site: Site) -> None:
    with pytest.raises(NotFetched, match="answered with 404"):
        await download.get(Source(site.url("/nothing"), private=True))
    with pytest.raises(NotFetched):
        await download.get(Source("http://127.0.0.1:1/crl", private=True))
    with pytest.raises(NotFetched):
        await download.get(Source("http://no-such-host.invalid/crl", private=True))
