"""Ways to bring a token, good or forged, that are no way; and everything a forger can bring."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.proof.forge.claims import claims
from tests.proof.forge.edges import edges
from tests.proof.forge.jose import b64
from tests.proof.forge.shapes import Material, shapes


@dataclass(frozen=True, slots=True)
class Forgery:
    """What an attacker sends."""

    name: str
    headers: Mapping[str, str]
    query: str = ""
    others: frozenset[int] = field(default_factory=frozenset[int])
    """Statuses besides the door's own that refuse it too: the connection's, before any route."""


def forgeries(material: Material, foreign: Mapping[str, str]) -> Iterator[Forgery]:
    """Yield every forgery; `foreign` are tokens that are ours but for something else, or over."""
    yield from _carried(material.good)
    ours = (*shapes(material), *edges(material), *claims(material))
    for name, token in [*ours, *foreign.items()]:
        # What no header may hold cannot come by one.
        if token.isascii() and token.isprintable():
            yield Forgery(name, {"Authorization": f"Bearer {token}"})
    huge = material.with_header(kid="k" * 1_000_000)
    too_large = frozenset({431})
    yield Forgery("kid of 1 MB", {"Authorization": f"Bearer {huge}"}, others=too_large)


def _carried(good: str) -> Iterator[Forgery]:
    """Yield ways to bring a good token that nobody may accept."""
    yield Forgery("no token", {})
    for name, value in {
        "an empty bearer": "Bearer ",
        "bearer without anything": "Bearer",
        "no scheme": good,
        "two spaces": f"Bearer  {good}",
        "a tab": f"Bearer\t{good}",
        "two tokens in one header": f"Bearer {good}, Bearer {good}",
        "parameters": f'Bearer token="{good}"',
        "Basic": f"Basic {b64(f'x:{good}'.encode())}",
        "Token": f"Token {good}",
        "DPoP": f"DPoP {good}",
        "MAC": f"MAC {good}",
        "Negotiate": f"Negotiate {good}",
        "something behind": f"Bearer {good} x",
        "quoted": f'Bearer "{good}"',
    }.items():
        yield Forgery(f"header: {name}", {"Authorization": value})
    for name in ("access_token", "token", "Authorization", "__Host-token"):
        yield Forgery(f"cookie {name}", {"Cookie": f"{name}={good}"})
    for name in ("access_token", "token", "Authorization", "bearer_token"):
        yield Forgery(f"query {name}", {}, query=f"{name}={good}")
    for name in ("Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization"):
        yield Forgery(f"header {name}", {name: f"Bearer {good}"})
    for name, headers in {
        "client": {"X-Client-Id": "registrar", "X-Scope": "registrar"},
        "user": {"X-Remote-User": "registrar", "X-Forwarded-User": "registrar"},
        "agency": {"On-Behalf-Of": "H14", "X-Agency": "H14"},
        "inside": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Internal": "1"},
        "service": {"X-Service": "gateway", "X-Lienthong-Client": "service-gateway"},
        "certificate": {"X-Client-Cert": "CN=registrar", "X-SSL-Client-Verify": "SUCCESS"},
    }.items():
        yield Forgery(f"trusted headers: {name}", headers)
