"""Fetches from addresses of the trust list: no redirect, no proxy, no other host, no flood."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from services.signing.due import Forbidden, check_resolved, host_of
from services.signing.validation.material import LARGEST
from shared.failpoint import reach

MOST_BYTES = LARGEST
_SECONDS = 30.0
"""For all of it: a server that sends a byte now and then holds nobody up for longer."""
_CHUNK = 1 << 16
_OK = 200


class NotFetched(Exception):  # noqa: N818 (what became of it)
    """Nothing was fetched; the text says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where something is fetched: an address of the trust list."""

    address: str
    private: bool
    """Its host may be of the own network, because the list says so."""


class _Checked(AbstractResolver):
    """Resolves as the machine does; a host with any address that is not allowed has none.

    The connection goes to what was checked: the name is not asked for again in between.
    """

    def __init__(self, *, private: bool) -> None:
        self._private, self._inner = private, ThreadedResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: Any = 0,  # noqa: ANN401 (aiohttp's)
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            check_resolved(one["host"], private=self._private)
        return found

    async def close(self) -> None:
        await self._inner.close()


async def get(source: Source, *, seconds: float = _SECONDS) -> bytes:
    """Return what lies at an address. Raises NotFetched."""
    return await _ask(source, "GET", None, {}, seconds=seconds)


async def post(source: Source, content: bytes, kind: str, *, seconds: float = _SECONDS) -> bytes:
    """Return what an address answers to some bytes. Raises NotFetched."""
    return await _ask(source, "POST", content, {"Content-Type": kind}, seconds=seconds)


async def _ask(
    source: Source,
    method: str,
    content: bytes | None,
    headers: Mapping[str, str],
    *,
    seconds: float,
) -> bytes:
    try:
        _check_literal(source)
        async with asyncio.timeout(seconds), _session(source, headers) as session:
            return await _answer(session, source, method, content)
    except Forbidden as error:
        raise NotFetched(str(error)) from None
    except TimeoutError:
        raise NotFetched(f"not whole within {seconds:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotFetched(f"{type(error).__name__}: {error}"[:200]) from None


def _session(source: Source, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=_Checked(private=source.private), use_dns_cache=False, force_close=True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a small answer is not to become a large one
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "lienthong-signing", **headers},
        timeout=aiohttp.ClientTimeout(total=None, connect=5),
    )


async def _answer(
    session: aiohttp.ClientSession, source: Source, method: str, content: bytes | None
) -> bytes:
    found = bytearray()
    async with session.request(
        method, source.address, data=content, allow_redirects=False
    ) as answer:
        reach("signing.fetch.answered")
        if answer.status != _OK:
            raise NotFetched(f"answered with {answer.status}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise NotFetched("the answer is compressed")
        async for chunk in answer.content.iter_chunked(_CHUNK):
            found += chunk
            if len(found) > MOST_BYTES:
                raise NotFetched(f"more than {MOST_BYTES} bytes")
    return bytes(found)


def _check_literal(source: Source) -> None:
    """Check a host that is an IP address: no resolver sees it."""
    host = host_of(source.address)
    if ":" in host or host.replace(".", "").isdigit():
        check_resolved(host, private=source.private)
