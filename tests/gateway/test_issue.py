"""The token endpoint: who may have a token, what it says, and which errors are told how."""

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.gateway.api import create
from services.gateway.issue import JWT_BEARER
from shared import intake
from shared.internal import ASSERTION, internal_audience
from tests.fixtures.serving import serving
from tests.gateway.door import SECRET, Door
from tests.shared.issuing import public_jwk, sign


def error(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


async def test_a_token_says_what_rfc_9068_asks_and_is_taken(door: Door):
    answer = await door.ask_token("sys-h14")
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "directory documents.send")
    assert answer.headers["cache-control"] == "no-store"
    claims = door.claims(body["access_token"])
    assert claims["iss"] == door.settings.issuer
    assert claims["aud"] == "https://lienthong.vn/api"
    assert claims["sub"] == claims["client_id"] == "sys-h14"
    assert claims["agencies"] == ["H14"]
    assert claims["exp"] - claims["iat"] == body["expires_in"] <= 900
    me = await door.client.get(
        "/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"}
    )
    assert me.json()["client_id"] == "sys-h14"
    assert [agency["code"] for agency in me.json()["agencies"]] == ["H14"]


async def test_metadata_and_keys_are_found_as_rfc_8414_says(door: Door):
    metadata = (await door.client.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == door.settings.issuer
    assert metadata["token_endpoint"] == door.token_endpoint
    keys = (await door.client.get(metadata["jwks_uri"])).json()["keys"]
    assert [(key["kid"], key["alg"], "d" in key) for key in keys] == [("first", "ES256", False)]


async def test_an_assertion_works_once_also_when_sent_twice_at_once(door: Door):
    same = door.assertion("sys-h14")
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(door.ask_token("sys-h14", client_assertion=same)) for _ in range(8)
        ]
    answers = [task.result() for task in asked]
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
    assert error(await door.ask_token("sys-h14", client_assertion=same)) == (401, "invalid_client")


def claims(door: Door, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON)
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": "sys-h14",
        "sub": "sys-h14",
        "aud": door.token_endpoint,
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "hub"},
    "another client": {"iss": "hub", "sub": "hub"},
    "nobody": {"iss": "nobody", "sub": "nobody"},
    "no sub": {"sub": None},
    "another audience": {"aud": "https://elsewhere.example/oauth/token"},
    "no audience": {"aud": None},
    "expired": {"exp": int(time.time()) - 60},
    "no exp": {"exp": None},
    "exp in a day": {"exp": int(time.time()) + 86_400},
    "exp as text": {"exp": "soon"},
    "exp as a float": {"exp": time.time() + 60.5},
    "exp beyond numbers": {"exp": 10**40},
    "no jti": {"jti": None},
    "jti is a number": {"jti": 7},
    "jti is empty": {"jti": ""},
    "jti with NUL": {"jti": "a\0b"},
    "jti without end": {"jti": "x" * 10_000},
    "not yet": {"nbf": int(time.time()) + 3600},
}


async def test_an_assertion_that_proves_nothing_is_invalid_client(door: Door):
    for name, changes in BAD_CLAIMS.items():
        bad = sign(door.keys["sys-h14"], claims(door, **changes), {"typ": "JWT"})
        answer = await door.ask_token("sys-h14", client_assertion=bad)
        assert error(answer) == (401, "invalid_client"), name


async def test_only_the_clients_own_key_proves_it(door: Door):
    stranger = ec.generate_private_key(ec.SECP256R1())
    for key, header in (
        (stranger, {}),
        (stranger, {"jwk": public_jwk("x", stranger)}),
        (door.keys["hub"], {}),
        (door.keys["sys-h14"], {"alg": "none"}),
        (door.keys["sys-h14"], {"alg": "HS256"}),
        (door.keys["sys-h14"], {"kid": "another"}),
    ):
        bad = sign(key, claims(door), header)
        answer = await door.ask_token("sys-h14", client_assertion=bad)
        assert error(answer) == (401, "invalid_client"), header
    for bad in ("", "x", "a.b.c", "....", "e30.e30.", "{}"):
        answer = await door.ask_token("sys-h14", client_assertion=bad)
        assert answer.status_code in {400, 401}, bad


async def test_an_assertion_has_one_form_only(door: Door):
    key, good = door.keys["sys-h14"], claims(door)
    head, body, signature = sign(key, good, {"typ": "JWT"}).split(".")
    twice = json.dumps(good)[:-1] + f', "aud": "{door.token_endpoint}"}}'
    for bad in (
        f"{head}.{body}.{signature}==",
        f"{head}=.{body}.{signature}",
        f"{head}.{body}.{signature} ",
        sign(key, twice.encode(), {"typ": "JWT"}),
    ):
        answer = await door.ask_token("sys-h14", client_assertion=bad)
        assert error(answer) == (401, "invalid_client"), bad
    answer = await door.ask_token("sys-h14", client_assertion=f"{head}.{body}.{signature}")
    assert answer.status_code == 200


async def test_the_issuer_is_an_audience_too(door: Door):
    good = sign(door.keys["sys-h14"], claims(door, aud=door.settings.issuer), {"typ": "JWT"})
    assert (await door.ask_token("sys-h14", client_assertion=good)).status_code == 200


async def test_the_same_assertion_is_taken_as_a_jwt_bearer_grant_once(door: Door):
    async def ask(assertion: str, **more: str) -> httpx2.Response:
        form = {"grant_type": JWT_BEARER, "assertion": assertion, **more}
        return await door.client.post("/oauth/token", data=form)

    good = door.assertion("sys-h14")
    answer = await ask(good, scope="directory")
    assert (answer.status_code, answer.json()["scope"]) == (200, "directory")
    assert error(await ask(good)) == (401, "invalid_client")
    for bad in ("", "x", sign(door.keys["sys-h14"], claims(door, sub="operator"), {"typ": "JWT"})):
        assert error(await ask(bad)) == (401, "invalid_client")
    both = {"client_assertion_type": ASSERTION, "client_assertion": door.assertion("sys-h14")}
    assert error(await ask(door.assertion("sys-h14"), **both)) == (400, "unsupported_grant_type")


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_a_secret_is_for_those_who_have_one(door: Door):
    form = {"grant_type": "client_credentials"}

    async def ask(headers: dict[str, str], **more: str) -> httpx2.Response:
        return await door.client.post("/oauth/token", data=form | more, headers=headers)

    assert (await ask(basic("operator", SECRET))).json()["scope"] == "operator"
    answer = await ask(basic("operator", SECRET + "x"))
    assert error(answer) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="lienthong"'
    for headers in (
        basic("sys-h14", ""),
        basic("nobody", SECRET),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:x").decode()},
        {"Authorization": "Bearer x"},
        {},
    ):
        assert error(await ask(headers)) == (401, "invalid_client"), headers
    both = {
        "client_assertion_type": ASSERTION,
        "client_assertion": door.assertion("operator"),
    }
    assert error(await ask(basic("operator", SECRET), **both)) == (401, "invalid_client")
    in_the_body = {"client_id": "operator", "client_secret": SECRET}
    assert error(await ask({}, **in_the_body)) == (401, "invalid_client")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\udfff", "\0"])
async def test_a_name_that_cannot_be_stored_is_invalid_client(door: Door, name: str):
    bad = sign(door.keys["sys-h14"], claims(door, iss=name, sub=name), {"typ": "JWT"})
    assert error(await door.ask_token("sys-h14", client_assertion=bad)) == (401, "invalid_client")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    raw = quote(name.encode(errors="surrogatepass"))
    fields = {"client_assertion_type": ASSERTION, "grant_type": "client_credentials"}
    for compact in (bad, door.assertion("sys-h14")):
        body = urlencode(fields | {"client_assertion": compact}) + f"&client_id={raw}"
        answer = await door.client.post("/oauth/token", content=body, headers=form)
        assert error(answer) == (401, "invalid_client"), body
    secret = quote(SECRET)
    for headers, more in ((basic(raw, secret), ""), (basic("operator", secret), raw)):
        body = "grant_type=client_credentials" + f"&client_id={more}" * bool(more)
        answer = await door.client.post("/oauth/token", content=body, headers=headers | form)
        assert error(answer) == (401, "invalid_client"), (headers, body)
    encoded = base64.b64encode(name.encode(errors="surrogatepass") + b":x").decode()
    headers = {"Authorization": "Basic " + encoded}
    answer = await door.client.post(
        "/oauth/token", content=b"grant_type=client_credentials", headers=headers | form
    )
    assert error(answer) == (401, "invalid_client")


async def test_a_token_request_that_does_not_end_is_408(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    token = (await door.headers("registrar"))["Authorization"]
    monkeypatch.setattr(intake, "SILENT_SECONDS", 0.2)
    for path, kind in (
        ("/oauth/token", "application/x-www-form-urlencoded"),
        ("/v1/clients", f"text/plain\r\nAuthorization: {token}"),
    ):
        reader, writer = await asyncio.open_connection(
            door.client.base_url.host, door.client.base_url.port
        )
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        writer.write(head.encode() + b"Content-Length: 100\r\n\r\na=")
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n")
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 "), path


async def test_errors_of_the_request_are_named_as_rfc_6749_says(door: Door):
    ask = door.ask_token
    assert error(await ask("sys-h14", grant_type="password")) == (400, "unsupported_grant_type")
    assert error(await ask("sys-h14", grant_type="")) == (400, "invalid_request")
    assert error(await ask("sys-h14", scope="operator")) == (400, "invalid_scope")
    assert error(await ask("sys-h14", scope="directory\0")) == (400, "invalid_request")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await door.client.post("/oauth/token", content=b"scope=%ed%a0%80", headers=form)
    assert error(answer) == (400, "invalid_request")
    assert error(await ask("sys-h14", resource="https://x.example")) == (400, "invalid_target")
    answer = await ask("sys-h14", scope="directory", resource="https://lienthong.vn/api")
    assert answer.json()["scope"] == "directory"


async def test_parameters_in_the_address_are_refused(door: Door):
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
    form["client_assertion"] = door.assertion("sys-h14")
    for query in ("client_secret=x", "grant_type=client_credentials", "x"):
        answer = await door.client.post(f"/oauth/token?{query}", data=form)
        assert error(answer) == (400, "invalid_request")
    assert (await door.client.post("/oauth/token", data=form)).status_code == 200


async def test_a_faulty_form_is_invalid_request(door: Door):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"grant_type=a&grant_type=b", b"\xff\xfe", b"a=%ff", b"nonsense", b"", b"&" * 99):
        answer = await door.client.post("/oauth/token", content=body, headers=form)
        assert error(answer) == (400, "invalid_request"), body


async def test_another_content_type_is_a_problem(door: Door):
    answer = await door.client.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["code"]) == (415, "REQ-4151")


async def test_services_get_tokens_for_one_service_and_nothing_else(door: Door):
    inside = internal_audience("notify")
    answer = await door.ask_token("service-docs", resource=inside)
    claims = door.claims(answer.json()["access_token"])
    assert (claims["aud"], claims["scope"], claims["agencies"]) == (inside, "internal", [])
    for resource in ("", "https://lienthong.vn/api", "https://lienthong.vn/internal/x"):
        answer = await door.ask_token("service-docs", resource=resource)
        assert error(answer) == (400, "invalid_target"), resource
    answer = await door.ask_token("sys-h14", resource=inside)
    assert error(answer) == (400, "invalid_target")


async def test_with_an_issuer_outside_the_gateway_issues_nothing():
    app = create()
    app.state.issuer = None
    async with serving(app) as base, httpx2.AsyncClient(base_url=base) as client:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for answer in (
            await client.post("/oauth/token", content=b"grant_type=x", headers=form),
            await client.get("/.well-known/jwks.json"),
            await client.get("/.well-known/oauth-authorization-server"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "REQ-4041")
