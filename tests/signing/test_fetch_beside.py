"""Downloads side by side: a host that hangs holds up its own authorities, and nobody else."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from services.signing import fetch
from services.signing.__main__ import fetching
from services.signing.hosts import AT_ONCE, D, Hosts
from services.signing.pipe import Reading
from shared.process import together
from tests.fixtures.eventually import eventually
from tests.signing.elsewhere import Site, crl, der, make_ca, open_site
from tests.signing.trusting import Trusting


@dataclass(slots=True)
class Hanging:
    """Answers with a list once it is told to, or late; knows how many have waited together."""

    content: bytes = b""
    goes: asyncio.Event = field(default_factory=asyncio.Event)
    now: int = 0
    most: int = 0

    async def __call__(self, _: web.Request) -> web.Response:
        """Answer a request."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            async with asyncio.timeout(40):  # a site that closes waits for it
                await self.goes.wait()
        finally:
            self.now -= 1
        return web.Response(body=self.content)


async def listed(one: Trusting, name: str, site: Site, *, path: str = "/crl") -> bytes:
    """List one more authority, whose list is found at a site; return a first list of its."""
    other = replace(one, ca=make_ca(name))
    await other.agree(other.adding(name, crl=[site.url(path)]))
    return crl(other.ca, number=1)


@asynccontextmanager
async def fetchers(one: Trusting) -> AsyncGenerator[asyncio.Event]:
    """Run what fetches in a process until the `with` ends, or the event is set."""
    stop = asyncio.Event()

    async def may() -> bool:
        return True

    async with asyncio.TaskGroup() as group:
        group.create_task(together(stop, *fetching(one.bench, may)))
        try:
            yield stop
        finally:
            stop.set()


async def held(one: Trusting, names: Sequence[str]) -> list[str]:
    """Return of which of some authorities there is a list."""
    return [name for name in names if (await one.freshness(name)).number is not None]


async def test_a_host_that_hangs_delays_only_its_own_authorities(idle: Trusting) -> None:
    hanging = Hanging()
    idle.site.handlers["/crl"] = hanging
    await idle.agree(idle.adding())
    async with open_site("127.0.0.2") as site:
        site.serve("/crl", await listed(idle, "second", site))
        await idle.desk.execute("update authorities set due_at = null where name = 'second'")
        async with fetchers(idle):
            await eventually(lambda: hanging.now, "the first one hangs")
            await idle.desk.execute("update authorities set due_at = now() where name = 'second'")
            await eventually(lambda: held(idle, ["second"]), "the second one's list is there")
            assert hanging.now == 1
            hanging.content = crl(idle.ca, number=1)
            hanging.goes.set()
            await eventually(lambda: held(idle, ["other"]), "then the first one's is")


async def test_a_host_is_asked_by_one_at_a_time(idle: Trusting) -> None:
    slow, names = Hanging(), ["first", "second", "third"]
    for name in names:
        await listed(idle, name, idle.site, path=f"/{name}")
        idle.site.handlers[f"/{name}"] = slow
    async with fetchers(idle):
        await eventually(lambda: slow.now, "one is asked")
        await asyncio.sleep(1.5)  # longer than until the next look
        assert (slow.most, len(idle.site.asked)) == (1, 1)
        slow.goes.set()
        await eventually(lambda: len(idle.site.asked) >= 3, "the others follow")
        assert slow.most == 1


@asynccontextmanager
async def open_sites(one: Trusting, count: int) -> AsyncGenerator[dict[str, Site]]:
    """Open so many sites, each on a host of its own, with a list of one authority more."""
    async with AsyncExitStack() as opened:
        found: dict[str, Site] = {}
        for n in range(count):
            site = await opened.enter_async_context(open_site(f"127.0.0.{2 + n}"))
            site.serve("/crl", await listed(one, f"ca-{n}", site))
            found[f"ca-{n}"] = site
        yield found


async def test_so_many_hosts_are_asked_at_once_and_no_more(idle: Trusting) -> None:
    slow = Hanging()
    async with open_sites(idle, AT_ONCE + 1) as sites:
        for site in sites.values():
            site.handlers["/crl"] = slow
        async with fetchers(idle):
            await eventually(lambda: slow.now == AT_ONCE, "they are asked side by side")
            await asyncio.sleep(1.5)  # longer than until the next look
            assert sum(len(site.asked) for site in sites.values()) == AT_ONCE
            slow.goes.set()
            await eventually(lambda: all(one.asked for one in sites.values()), "the last one, too")


async def test_what_has_come_is_read_between_what_others_have_to_read(idle: Trusting) -> None:
    """A file's time-stamping unit is not read behind all lists that came meanwhile."""
    hosts, bench = Hosts(), idle.bench
    async with open_sites(idle, 3) as sites, asyncio.TaskGroup() as group:
        async with bench.reading:
            for _ in sites:
                group.create_task(fetch.fetch(bench, hosts))
            await eventually(lambda: all(one.asked for one in sites.values()), "all have come")
            await eventually(hosts.reading.locked, "one of them is to be read")
            other = group.create_task(bench.read(Reading("certificate", der(idle.ca))))
            await asyncio.sleep(0.2)
        await other
        assert len(await held(idle, list(sites))) <= 1
    assert await held(idle, list(sites)) == list(sites)


async def test_who_waits_to_be_read_is_not_fetched_again_meanwhile(idle: Trusting) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await idle.agree(idle.adding())
    hosts = Hosts()

    async def claimed() -> bool:
        found = await idle.desk.db.as_worker(
            lambda conn: conn.fetchval(
                "select due_at > clock_timestamp() + interval '3 minutes' from authorities"
                " where name = 'other'"
            )
        )
        return bool(found)

    async with asyncio.TaskGroup() as group, hosts.reading:
        group.create_task(fetch.fetch(idle.bench, hosts))
        await eventually(claimed, "its claim is prolonged")
    assert await held(idle, ["other"])


def test_who_fails_at_one_address_is_asked_at_the_next_by_all() -> None:
    hosts, of = Hosts(), ("http://one.test/", "http://two.test/")
    assert hosts.address(of) == of[0]
    hosts.failed(of, of[0])
    hosts.failed(of, of[0])  # another that was under way then
    assert hosts.address(of) == of[1]
    hosts.failed(of, of[1])
    assert hosts.address(of) == of[0]
    assert hosts.address(of[1:]) == of[1]


class Late(Hosts):
    """Hosts that are told apart only when something else has been done."""

    def __init__(self, first: Callable[[], Awaitable[None]]) -> None:
        """Do that first."""
        super().__init__()
        self._first = first

    @asynccontextmanager
    async def one(
        self, choose: Callable[[Collection[str]], Awaitable[D | None]]
    ) -> AsyncGenerator[D | None]:
        """Choose, later."""
        await self._first()
        async with super().one(choose) as chosen:
            yield chosen


async def test_who_is_listed_while_others_are_chosen_is_fetched(idle: Trusting) -> None:
    idle.site.serve("/crl", crl(idle.ca, number=1))
    await listed(idle, "first", idle.site, path="/first")

    async def decided() -> None:
        await idle.desk.execute("update authorities set due_at = null where name = 'first'")
        await idle.agree(idle.adding())

    assert await fetch.fetch(idle.bench, Late(decided))
    assert await held(idle, ["other"])


async def test_who_has_another_address_does_not_wait_for_a_host_that_hangs(idle: Trusting) -> None:
    hanging = Hanging()
    await listed(idle, "slow", idle.site, path="/slow")
    await idle.desk.execute("update authorities set due_at = null where name = 'slow'")
    async with open_site("127.0.0.2") as site:
        mirror = site.serve("/crl", crl(idle.ca, number=1))
        await idle.agree(idle.adding(crl=[idle.site.url("/away"), mirror]))
        await idle.fetch()
        assert idle.site.asked == ["/away"]
        idle.site.handlers["/slow"] = hanging
        await idle.desk.execute("update authorities set due_at = now() where name = 'slow'")
        async with asyncio.TaskGroup() as group:
            group.create_task(idle.fetch())
            await eventually(lambda: hanging.now, "its host hangs")
            await idle.desk.execute("update authorities set due_at = now() where name = 'other'")
            await idle.fetch()
            assert await held(idle, ["other"])
            hanging.goes.set()


async def test_a_process_ends_though_a_host_hangs(idle: Trusting) -> None:
    hanging = Hanging()
    idle.site.handlers["/crl"] = hanging
    await idle.agree(idle.adding())
    async with fetchers(idle) as stop:
        await eventually(lambda: hanging.now, "it hangs")
        stop.set()
        begun = time.monotonic()
    hanging.goes.set()
    assert time.monotonic() - begun < 8, "a process that stops has 10 s"
    assert (await idle.freshness()).failures == 0, "nobody has said that it failed"
