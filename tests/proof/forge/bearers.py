"""Ways to bring a token, good or forged, that are no way; and everything a forger can bring."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.proof.forge import jose
from tests.proof.forge.claims import claims
from tests.proof.forge.edges import edges
from tests.proof.forge.jose import b64
from tests.proof.forge.shapes import Material, shapes


@dataclass(frozen=True, slots=True)
class Forgery:
    """What an attacker sends."""

    name: str
    headers: Sequence[tuple[str, str]]
    """One line each, also where two have one name."""
    query: str = ""
    others: frozenset[int] = field(default_factory=frozenset[int])
    """Statuses besides the door's own that refuse it too: the connection's, before any route."""


def forgeries(material: Material, foreign: Mapping[str, str]) -> Iterator[Forgery]:
    """Yield every forgery; `foreign` are tokens that are ours but for something else, or over."""
    yield from _carried(material.good)
    yield from _twice(material)
    ours = (*shapes(material), *edges(material), *claims(material))
    for name, token in [*ours, *foreign.items()]:
        # What no header may hold cannot come by one.
        if token.isascii() and token.isprintable():
            yield Forgery(name, [_bearer(token)])
    huge = material.with_header(kid="k" * 1_000_000)
    too_large = frozenset({431})
    yield Forgery("kid of 1 MB", [_bearer(huge)], others=too_large)


def _bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def _twice(material: Material) -> Iterator[Forgery]:
    """Yield a good token beside another one: whoever takes the first or last of two is fooled."""
    good, header, claims_ = material.good, material.header, material.claims
    bad = jose.compact(header, claims_, jose.new_key())
    pairs = {
        "good, forged": (good, bad),
        "forged, good": (bad, good),
        "good, good": (good, good),
        "forged, forged": (bad, bad),
    }
    for name, (one, other) in pairs.items():
        yield Forgery(f"two headers: {name}", [_bearer(one), _bearer(other)])
        yield Forgery(f"one header: {name}", [("Authorization", f"Bearer {one}, Bearer {other}")])
        yield Forgery(f"one scheme: {name}", [("Authorization", f"Bearer {one},{other}")])
    basic = ("Authorization", f"Basic {b64(b'registrar:')}")
    yield Forgery("two headers: Basic, good", [basic, _bearer(good)])
    yield Forgery("two headers: good, Basic", [_bearer(good), basic])
    yield Forgery("two headers: empty, good", [("Authorization", ""), _bearer(good)])
    yield Forgery("two headers: good, empty", [_bearer(good), ("Authorization", "")])
    yield Forgery("two headers: of two spellings", [_bearer(good), ("authorization", bad)])
    for where, query in (("query", f"access_token={good}"), ("cookie", "")):
        headers = [_bearer(bad)] if query else [_bearer(bad), ("Cookie", f"access_token={good}")]
        yield Forgery(f"forged, good in the {where}", headers, query)


def _carried(good: str) -> Iterator[Forgery]:
    """Yield ways to bring a good token that nobody may accept."""
    yield Forgery("no token", [])
    for name, value in {
        "an empty bearer": "Bearer ",
        "bearer without anything": "Bearer",
        "no scheme": good,
        "two spaces": f"Bearer  {good}",
        "a tab": f"Bearer\t{good}",
        "parameters": f'Bearer token="{good}"',
        "Basic": f"Basic {b64(f'x:{good}'.encode())}",
        "Token": f"Token {good}",
        "DPoP": f"DPoP {good}",
        "MAC": f"MAC {good}",
        "Negotiate": f"Negotiate {good}",
        "something behind": f"Bearer {good} x",
        "quoted": f'Bearer "{good}"',
    }.items():
        yield Forgery(f"header: {name}", [("Authorization", value)])
    for name in ("access_token", "token", "Authorization", "__Host-token"):
        yield Forgery(f"cookie {name}", [("Cookie", f"{name}={good}")])
    for name in ("access_token", "token", "Authorization", "bearer_token"):
        yield Forgery(f"query {name}", [], query=f"{name}={good}")
    for name in ("Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization"):
        yield Forgery(f"header {name}", [(name, f"Bearer {good}")])
    for name, headers in {
        "client": {"X-Client-Id": "registrar", "X-Scope": "registrar"},
        "user": {"X-Remote-User": "registrar", "X-Forwarded-User": "registrar"},
        "agency": {"On-Behalf-Of": "H14", "X-Agency": "H14"},
        "inside": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Internal": "1"},
        "service": {"X-Service": "gateway", "X-Lienthong-Client": "service-gateway"},
        "certificate": {"X-Client-Cert": "CN=registrar", "X-SSL-Client-Verify": "SUCCESS"},
    }.items():
        yield Forgery(f"trusted headers: {name}", [*headers.items()])
