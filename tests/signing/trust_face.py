"""Signing's HTTP face with clients that may change the trust list, and one that may not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from tests.fixtures.stack import Backing
from tests.notify.issuer import Issuer
from tests.signing.desk import Desk
from tests.signing.elsewhere import make_ca, pem
from tests.signing.served import System, served

OTHER = make_ca("CA gốc khác")
PATH = "/v1/trust-list"
CLIENTS = {
    "operator-a": System(("operator",)),
    "registrar-b": System(("registrar",)),
    "registrar-c": System(("registrar",)),
    "sys-g22": System(("documents.send", "documents.sign")),
}


@dataclass(frozen=True, slots=True)
class Face:
    """A listening signing, with clients that may change the trust list and one that may not."""

    client: httpx2.AsyncClient
    issuer: Issuer
    desk: Desk

    async def ask(
        self, method: str, path: str, by: str | None, body: object = None, *, key: str | None = None
    ) -> httpx2.Response:
        """Ask as a client; a POST has a fresh key or this one."""
        headers: dict[str, str] = {"Idempotency-Key": key or str(uuid4())}
        if by is not None:
            token = self.issuer.token(by, [], scope=" ".join(CLIENTS[by].scopes))
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
            return await self.client.request(method, PATH + path, content=body, headers=headers)
        return await self.client.request(method, PATH + path, json=body, headers=headers)

    async def propose(self, change: dict[str, Any], by: str = "operator-a") -> str:
        """Propose a change; returns its id."""
        answer = await self.ask("POST", "/changes", by, {"reason": "QĐ 12", "change": change})
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"{PATH}/changes/{answer.json()['id']}"
        return answer.json()["id"]

    async def decide(self, id_: str, what: str, by: str = "registrar-b") -> httpx2.Response:
        """Approve or refuse a change."""
        return await self.ask("POST", f"/changes/{id_}/{what}", by)

    async def agree(self, change: dict[str, Any]) -> int:
        """Put a change into force; returns the version that it led to."""
        answer = await self.decide(await self.propose(change), "approval")
        assert answer.status_code == 200, answer.text
        return answer.json()["version"]

    async def list(self) -> dict[str, Any]:
        """Return the list in force."""
        return (await self.ask("GET", "", "operator-a")).json()


def adding(**other: Any) -> dict[str, Any]:  # noqa: ANN401 (fields of the change)
    """Return a change that adds an authority."""
    return {
        "action": "add",
        "name": "other",
        "certificate": pem(OTHER),
        "anchor": True,
        "trusted_from": "2026-11-01T00:00:00+07:00",
        "purposes": ["leader", "seal"],
        "crl": ["http://ca.example/crl"],
        **other,
    }


@asynccontextmanager
async def open_face(desk: Desk, backing: Backing) -> AsyncGenerator[Face]:
    """Serve signing's routes over a desk for the length of a `with`."""
    async with served(desk, backing, CLIENTS) as (client, issuer):
        yield Face(client, issuer, desk)
