"""The issuer's public keys, by its RFC 8414 metadata; the last good set is kept on failure."""

import asyncio
import time
from typing import Any

import aiohttp
import jwt
import structlog

from shared.errors import Unavailable
from shared.tokens import usable

TTL_SECONDS = 300.0
REFETCH_SECONDS = 5.0
"""An unknown key id makes us ask again, but not more often than this."""
KNOWN_SECONDS = 2.0
"""How long the issuer is waited for while the key that is wanted is known."""
_OK = 200
_LARGEST = 1 << 20
_log = structlog.get_logger()


class IssuerKeys:
    """The last good key set of one issuer."""

    def __init__(self, session: aiohttp.ClientSession, *, issuer: str, metadata: str) -> None:
        """Ask with an open session; nothing is asked before the first key is wanted."""
        self._session, self._issuer, self._metadata = session, issuer, metadata
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = self._asked = -TTL_SECONDS
        self._failed = False
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of this id, or None when the issuer has no such key.

        Raises Unavailable for a key that is not known when the issuer does not answer. A key that
        is known is not waited for: one request asks anew for a moment, the others take it as it is.
        """
        key = self._keys.get(kid)
        fresh = time.monotonic() - self._fetched <= TTL_SECONDS
        if key is not None and (fresh or self._lock.locked()):
            return key
        before = self._asked
        async with self._lock:  # one asks, the others wait for its answer, whatever that is
            if self._asked == before and self._may_ask():
                await self._refresh(None if key is None else KNOWN_SECONDS)
        key = self._keys.get(kid)
        if key is None and self._failed:
            raise Unavailable("the issuer's key set")  # it may be a new key that we cannot see
        return key

    def _may_ask(self) -> bool:
        return not self._keys or time.monotonic() - self._asked > REFETCH_SECONDS

    async def _refresh(self, seconds: float | None) -> None:
        keys: list[jwt.PyJWK] = []
        try:
            async with asyncio.timeout(seconds):
                metadata = await self._fetch(self._metadata)
                if metadata["issuer"] != self._issuer:
                    raise ValueError("the metadata is another issuer's")  # noqa: TRY301
                found = await self._fetch(metadata["jwks_uri"])
            keys = [key for raw in found["keys"] if (key := usable(raw)) is not None]
        except (aiohttp.ClientError, TimeoutError, ValueError, TypeError, KeyError) as error:
            _log.warning("key set not fetched", cause=str(error) or repr(error))
        # Only now: from its beginning, one that hangs would be due again when it ends.
        self._asked, self._failed = time.monotonic(), not keys
        if keys:
            self._keys, self._fetched = {str(key.key_id): key for key in keys}, self._asked

    async def _fetch(self, url: str) -> Any:  # noqa: ANN401 (parsed by the caller)
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != _OK or (answer.content_length or 0) > _LARGEST:
                raise ValueError(f"{url} answered {answer.status}")
            return await answer.json(content_type=None)
