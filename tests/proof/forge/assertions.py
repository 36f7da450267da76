"""Client assertions that prove nothing, tried at the token endpoint (RFC 7523 3, RFC 6749 2.3)."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp

from tests.proof.forge import jose
from tests.proof.forge.edges import edges
from tests.proof.forge.shapes import Material, shapes
from tests.proof.forge.systems import NoToken, System, token

_OK, _TOO_MANY = 200, 429
_SHAPED_BY = 8
"""In the names of so many clients forgeries by form are made: each list takes an RSA key."""
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request for a token."""

    name: str
    body: str
    headers: Mapping[str, str]
    query: str = ""


async def tried(
    session: aiohttp.ClientSession,
    known: Mapping[str, System],
    foreign: Mapping[str, str],
    one_in: int = 1,
) -> dict[str, bool]:
    """Return of each attempt whether it got a token. Raises NoToken when a control gets none.

    Each goes in another client's name: the endpoint slows down whoever fails often.
    """
    victims = [system for name, system in sorted(known.items()) if name.startswith("sys-")]
    every = [
        attempt
        for attempts in (_shaped, _claimed, _carried)
        for attempt in attempts(known, victims, foreign)
    ]
    outcome = {
        attempt.name: await _ask(session, victims[0], attempt) for attempt in every[::one_in]
    }
    for victim in victims[:3]:
        await token(session, victim)  # the same clients, asking rightly, get what they ask for
        outcome[f"replayed by {victim.client_id}"] = await _replayed(session, victim)
    return outcome


async def _replayed(session: aiohttp.ClientSession, victim: System) -> bool:
    attempt = Attempt("replay", urlencode(victim.form(victim.proof().good)), {})
    if not await _ask(session, victim, attempt):
        raise NoToken(f"the first use of an assertion of {victim.client_id} was refused")
    return await _ask(session, victim, attempt)


async def _ask(session: aiohttp.ClientSession, victim: System, attempt: Attempt) -> bool:
    """Ask until it is judged by what it is, not by how many failed before it."""
    url = victim.endpoint + (f"?{attempt.query}" if attempt.query else "")
    headers = {"Content-Type": _FORM, **attempt.headers}
    while True:
        async with session.post(url, data=attempt.body, headers=headers) as answer:
            if answer.status != _TOO_MANY:
                return answer.status == _OK or b"access_token" in await answer.read()
        await asyncio.sleep(0.5)


def _victim(victims: list[System], number: int) -> System:
    return victims[number % len(victims)]


def _shaped(
    known: Mapping[str, System], victims: list[System], foreign: Mapping[str, str]
) -> Iterator[Attempt]:
    """Yield assertions with every forgery of form, algorithm, key and header."""
    del known, foreign
    some = victims[:_SHAPED_BY]
    forged = [_formed(victim.proof()) for victim in some]
    for number, name in enumerate(forged[0]):
        chosen = number % len(some)
        yield Attempt(name, urlencode(some[chosen].form(forged[chosen][name])), {})


def _formed(material: Material) -> dict[str, str]:
    return {**dict(shapes(material)), **dict(edges(material))}


def _changes(endpoint: str) -> dict[str, dict[str, object]]:
    """Return claims that make an assertion worthless, by what is wrong with them."""
    now = int(time.time())
    return {
        "no iss": {"iss": None},
        "no aud": {"aud": None},
        "no exp": {"exp": None},
        "no jti": {"jti": None},
        "iss: another client": {"iss": "registrar"},
        "iss: our issuer": {"iss": endpoint.removesuffix("/oauth/token")},
        "aud: the API": {"aud": "https://lienthong.vn/api"},
        "aud: another server": {"aud": "https://example.vn/oauth/token"},
        "aud: longer": {"aud": f"{endpoint}/x"},
        "aud: shorter": {"aud": endpoint[:-1]},
        "aud: in capitals": {"aud": endpoint.upper()},
        "aud: a list without ours": {"aud": ["a", "b"]},
        "aud: empty": {"aud": ""},
        "aud: an object": {"aud": {endpoint: 1}},
        "aud: a number": {"aud": 1},
        "expired": {"iat": now - 400, "exp": now - 60},
        "exp: an hour": {"exp": now + 3_600},
        "exp: ten years": {"exp": now + 315_360_000},
        "exp: a float": {"exp": now + 60.5},
        "exp: true": {"exp": True},
        "exp: a list": {"exp": [now + 60]},
        "exp: huge": {"exp": 10**30},
        "nbf: in 10 minutes": {"nbf": now + 600},
        "iat: tomorrow": {"iat": now + 86_400},
        "jti: empty": {"jti": ""},
        "jti: a list": {"jti": ["x"]},
        "jti: a number": {"jti": 7},
        "jti: 10,000 characters": {"jti": "x" * 10_000},
        "jti: NUL": {"jti": "\0"},
    }


def _claimed(
    known: Mapping[str, System], victims: list[System], foreign: Mapping[str, str]
) -> Iterator[Attempt]:
    """Yield assertions that a client's own key signs, but which say something else."""
    for number, (name, changes) in enumerate(_changes(victims[0].endpoint).items()):
        victim = _victim(victims, number)
        yield Attempt(name, urlencode(victim.form(victim.proof(**changes).good)), {})
    yield from _in_anothers_name(victims, foreign)
    yield from _twice(victims[1])
    yield from _rights(known, victims[2])


def _in_anothers_name(victims: list[System], foreign: Mapping[str, str]) -> Iterator[Attempt]:
    mallory, victim = victims[0], victims[1]
    for name, subject in {"another client": victim.client_id, "nobody": "sys-nobody"}.items():
        forged = mallory.proof(iss=subject, sub=subject).good
        yield Attempt(f"{name}, by one's own key", urlencode(mallory.form(forged)), {})
    for target in ("registrar", "operator", "service-docs"):
        forged = mallory.proof(iss=target, sub=target).good
        yield Attempt(f"{target}, by one's own key", urlencode(mallory.form(forged)), {})
        forged = mallory.proof(sub=target).good
        yield Attempt(f"sub {target}, iss one's own", urlencode(mallory.form(forged)), {})
        forged = mallory.proof().good
        form = mallory.form(forged, client_id=target)
        yield Attempt(f"client_id {target} beside it", urlencode(form), {})
    for name, token_ in foreign.items():
        if name != "a client's own assertion":
            yield Attempt(f"as an assertion: {name}", urlencode(victim.form(token_)), {})


def _twice(victim: System) -> Iterator[Attempt]:
    good = victim.proof()
    text = json.dumps(good.claims)[1:-1]
    for name, more in {"aud": '"aud": "https://example.vn"', "exp": '"exp": 1'}.items():
        raw = f"{{{text}, {more}}}".encode()
        yield Attempt(
            f"{name} twice, the last is bad",
            urlencode(victim.form(jose.compact(good.header, raw, victim.key))),
            {},
        )
    for number in ("1e400", "NaN", "Infinity"):
        raw = json.dumps({**good.claims, "exp": 0}).replace('"exp": 0', f'"exp": {number}')
        forged = jose.compact(good.header, raw.encode(), victim.key)
        yield Attempt(f"exp: {number}", urlencode(victim.form(forged)), {})


def _rights(known: Mapping[str, System], victim: System) -> Iterator[Attempt]:
    """Yield requests for more than the client has, well proved."""
    for scope in ("registrar", "operator", "internal", "directory operator", "*", "DIRECTORY"):
        form = victim.form(victim.proof().good, scope=scope)
        yield Attempt(f"scope {scope}", urlencode(form), {})
    for resource in ("https://lienthong.vn/internal/docs", "https://example.vn/api", "*"):
        form = victim.form(victim.proof().good, resource=resource)
        yield Attempt(f"resource {resource}", urlencode(form), {})
    service = known["service-docs"]
    form = service.form(service.proof().good, scope="internal", resource="https://lienthong.vn/api")
    yield Attempt("a service, for the API", urlencode(form), {})


def _carried(
    known: Mapping[str, System], victims: list[System], foreign: Mapping[str, str]
) -> Iterator[Attempt]:
    """Yield good assertions brought in ways that are none."""
    del known, foreign
    one = victims[3]

    def form(**more: str) -> dict[str, str]:
        return one.form(one.proof().good, **more)

    name, secret = one.client_id, "secret"
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    empty = base64.b64encode(f"{name}:".encode()).decode()
    only = {"grant_type": "client_credentials"}
    named = urlencode({**only, "client_id": name})
    yield Attempt("nothing", "", {})
    yield Attempt("only a client_id", named, {})
    yield Attempt("a secret that it has not", urlencode(only), {"Authorization": f"Basic {basic}"})
    yield Attempt("an empty secret", urlencode(only), {"Authorization": f"Basic {empty}"})
    yield Attempt("client_secret in the form", f"{named}&client_secret=x", {})
    yield Attempt("client_secret beside it", urlencode(form(client_secret="x")), {})  # noqa: S106
    yield Attempt("Basic beside it", urlencode(form()), {"Authorization": f"Basic {basic}"})
    again = urlencode({"client_assertion": one.proof().good})
    yield Attempt("two assertions", f"{urlencode(form())}&{again}", {})
    yield Attempt("in the query", "", {}, urlencode(form()))
    yield Attempt("as a bearer", urlencode(only), {"Authorization": f"Bearer {one.proof().good}"})
    for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt"):
        yield Attempt(f"type {kind!r}", urlencode(form() | {"client_assertion_type": kind}), {})
    for grant in ("", "password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"):
        yield Attempt(f"grant {grant!r}", urlencode(form() | {"grant_type": grant}), {})
    by_code = form() | {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}
    yield Attempt("grant by token exchange", urlencode(by_code), {})
    as_json = {"Content-Type": "application/json"}
    yield Attempt("as JSON", json.dumps(form()), as_json)
    yield Attempt("an id of NUL", urlencode(form(client_id="a\0b")), {})
    yield Attempt(f"a jti of {uuid4()} with a space", urlencode(form(client_id=f"{name} ")), {})
