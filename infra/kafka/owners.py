"""What the gateway says of clients and keys, and notify of subscriptions: asked, and answered."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.events.topics import Service
from shared.internal import ASSERTION, assertion, internal_audience
from shared.tokens import KAFKA_SCOPE, kafka_principal

CLIENT = "service-provisioner"
DEADLINE = aiohttp.ClientTimeout(total=10, connect=2)
_EARLY = 60.0


JsonObject: TypeAlias = dict[str, Any]


class NotAnswered(Exception):  # noqa: N818
    """An owner does not answer as it should; text: which, and what it said."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A wish to have a mailbox topic, or the end of one."""

    id: str
    client_id: str
    state: str
    """`pending`, `ready`, or `ended`: to be confirmed when rights and topic are gone."""
    reader: str | None
    """The Kafka user of the client's present tokens, as far as notify knows of its changes."""


@dataclass(slots=True)
class Owners:
    """The two services by their addresses, with tokens of the provisioner's own client."""

    session: aiohttp.ClientSession
    addresses: Mapping[Service, str]
    key: Path
    _tokens: dict[Service, tuple[str, float]] = field(
        default_factory=dict[Service, tuple[str, float]]
    )

    async def keys(self) -> JsonObject:
        """Return the gateway's key set. Raises NotAnswered, also when there is no key in it."""
        found = await self._ask("gateway", "GET", "/.well-known/jwks.json", headers={})
        if not found.get("keys"):
            raise NotAnswered("gateway publishes no key")
        return {"keys": found["keys"]}

    async def clients(self, after: int) -> tuple[int, dict[str, str]]:
        """Return the newest version, and of each client changed since who it is at Kafka.

        Empty: it may read no mailbox.
        """
        path = f"/internal/clients?after={after}"
        found = await self._ask("gateway", "GET", path)
        return int(found["version"]), {
            str(item["client_id"]): _reader(item) for item in found["items"]
        }

    async def subscriptions(self) -> list[Subscription]:
        """Return those that live, and those whose end is not confirmed."""
        found = await self._ask("notify", "GET", "/internal/subscriptions")
        return [
            Subscription(
                str(item["id"]), str(item["client_id"]), str(item["state"]), item.get("reader")
            )
            for item in found["items"]
        ]

    async def ready(self, subscription: Subscription, bootstrap: str) -> None:
        """Tell notify that topic and rights are there."""
        path = f"/internal/subscriptions/{subscription.id}/ready"
        await self._ask("notify", "POST", path, body={"bootstrap": bootstrap})

    async def removed(self, subscription: Subscription) -> None:
        """Tell notify that rights and topic are gone."""
        await self._ask("notify", "POST", f"/internal/subscriptions/{subscription.id}/removed")

    async def _ask(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        body: Mapping[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> JsonObject:
        """Return the JSON object that answers; it is of our own services, and taken at its word."""
        if headers is None:
            headers = {"Authorization": f"Bearer {await self._token(service)}"}
        url = self.addresses[service] + path
        return await self._answer(service, method, url, json=body, headers=headers)

    async def _token(self, service: Service) -> str:
        token, until = self._tokens.get(service, ("", 0.0))
        if time.monotonic() < until:
            return token
        endpoint = self.addresses["gateway"] + "/oauth/token"
        key = load_pem_private_key(_read(self.key), None)
        form = {
            "grant_type": "client_credentials",
            "scope": "internal",
            "resource": internal_audience(service),
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion(client_id=CLIENT, key=key, audience=endpoint),
        }
        granted = await self._answer("gateway", "POST", endpoint, data=form)
        token, life = str(granted["access_token"]), float(granted["expires_in"])
        self._tokens[service] = token, time.monotonic() + life - _EARLY
        return token

    async def _answer(
        self,
        service: Service,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401 (aiohttp's own)
    ) -> JsonObject:
        try:
            async with self.session.request(method, url, **options) as answer:
                text = await answer.text()
                if not answer.ok:
                    self._tokens.pop(service, None)
                    raise NotAnswered(f"{service} answers {answer.status} to {method} {url}")
                return json.loads(text or "{}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NotAnswered(f"{service} does not answer: {error or 'in time'}") from error


def _reader(client: JsonObject) -> str:
    if client["state"] != "active" or KAFKA_SCOPE not in client["scopes"]:
        return ""
    return kafka_principal(client["client_id"], datetime.fromisoformat(client["not_before"]))


def _read(file: Path) -> bytes:
    return file.read_bytes()
