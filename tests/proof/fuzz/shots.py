"""The requests of each part, made one after another from a seed."""

import random
from collections.abc import Iterator
from itertools import cycle
from urllib.parse import quote
from uuid import UUID, uuid4

from tests.proof.fuzz import odd_json, odd_texts
from tests.proof.fuzz.bodies import bodies, draft
from tests.proof.fuzz.doors import RECIPIENT, SENDER, Doors, Operation
from tests.proof.fuzz.odd_forms import PDF, Form, forms, shaken
from tests.proof.fuzz.odd_heads import heads
from tests.proof.fuzz.odd_heads import shaken as shaken_head
from tests.proof.fuzz.tally import Shot
from tests.proof.fuzz.volley import framed, headed

STREAM = "/v1/events/stream"
_BEHIND = ("docs", "signing", "notify")
_JSON = ("application/json", "application/merge-patch+json")


def _key(dice: random.Random) -> dict[str, str]:
    return {"Idempotency-Key": str(UUID(int=dice.getrandbits(128), version=4))}


def _target(doors: Doors, operation: Operation, dice: random.Random, *, real: float) -> str:
    """Return a path: living objects, or odd ones."""
    places = {
        name: quote(doors.places[name], safe="")
        if name in doors.places and dice.random() < real
        else dice.choice((str(uuid4()), dice.choice(odd_texts.IN_ADDRESSES)))
        for name in operation.places
    }
    return operation.path.format_map(places)


def _door(dice: random.Random) -> str:
    """Return who is asked: mostly the gateway, else a service behind it, directly."""
    return dice.choice(_BEHIND) if dice.random() < 0.15 else "gateway"


def json_texts(doors: Doors, dice: random.Random) -> Iterator[Shot]:
    """Yield every odd text for every operation that takes JSON."""
    takers = [one for one in doors.operations if set(one.bodies) & set(_JSON)]
    for text in odd_json.TEXTS:
        for operation in takers if len(text) < 100_000 else dice.sample(takers, 3):
            kind = next(one for one in operation.bodies if one in _JSON)
            label = f"{operation.method} {_target(doors, operation, dice, real=1)}"
            headers = {"Content-Type": kind, **_key(dice)}
            by = doors.caller(operation)
            yield framed(doors, "json", f"{text[:30]!r}", _door(dice), by, label, headers, text)


def json_changes(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield `count` good bodies with one odd thing in each."""
    takers = [one for one in doors.operations if set(one.bodies) & set(_JSON)]
    for _ in range(count):
        operation = dice.choice(takers)
        body = odd_json.changed(dice.choice(bodies(operation.label)), dice)
        label = f"{operation.method} {_target(doors, operation, dice, real=0.9)}"
        kind = next(one for one in operation.bodies if one in _JSON)
        headers = {"Content-Type": kind, **_key(dice)}
        by = doors.caller(operation)
        yield framed(doors, "body", f"{body[:60]!r}", _door(dice), by, label, headers, body)


def form_shots(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield the made-up forms once, then `count` shaken ones."""
    for form in forms(draft()):
        yield _form(doors, dice, form)
    for _ in range(count):
        yield _form(doors, dice, shaken(draft(), dice))


def _form(doors: Doors, dice: random.Random, form: Form) -> Shot:
    door = "docs" if dice.random() < 0.15 else "gateway"
    label = "POST /v1/documents" + dice.choice(("", "", "?dispatch=true"))
    headers = {"Content-Type": form.content_type, **_key(dice)}
    return framed(doors, "form", form.name, door, SENDER, label, headers, form.body)


def address_shots(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield `count` requests with odd paths, queries and headers, for every operation in turn."""
    asked = [one for one in doors.operations if one.path != STREAM]
    for operation, _ in zip(cycle(asked), range(count), strict=False):
        target = _target(doors, operation, dice, real=0.7)
        names = [*operation.query, "cursor", "limit", "x"]
        pairs = [
            f"{dice.choice(names)}={dice.choice(odd_texts.IN_ADDRESSES)}"
            for _ in range(dice.choice((0, 1, 1, 2, 5)))
        ]
        headers = {
            dice.choice(odd_texts.HEADERS): dice.choice(odd_texts.IN_HEADERS)
            for _ in range(dice.choice((0, 0, 1, 2)))
        }
        body = None
        if operation.bodies:
            body = b"{}"
            headers = {"Content-Type": operation.bodies[0], **_key(dice), **headers}
        by = "" if dice.random() < 0.05 else doors.caller(operation)
        label = f"{operation.method} {target}{'?' if pairs else ''}{'&'.join(pairs)}"
        told = f"{str(headers)[:80]!r}"
        yield framed(doors, "address", told, _door(dice), by, label, headers, body)


def head_shots(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield the made-up heads at every door, then `count` shaken ones."""
    del doors
    for head in heads():
        for door in ("gateway", dice.choice(_BEHIND)):
            yield headed("head", head, door)
    for _ in range(count):
        yield headed("head", shaken_head(dice), dice.choice(("gateway", *_BEHIND)))


def public_shots(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield `count` requests to the token endpoint and the public pages."""
    names = ("grant_type", "scope", "client_assertion_type", "client_assertion", "resource", "x")
    pages = ("/pki/{}/crl", "/pki/{}/ca.crt", "/.well-known/{}", "/pki/issuing/{}", "/docs/{}")
    for _ in range(count):
        if dice.random() < 0.3:
            label = "GET " + dice.choice(pages).format(dice.choice(odd_texts.IN_ADDRESSES))
            yield framed(doors, "public", "", "gateway", "", label, {}, None)
            continue
        form = doors.token_form(f"sys-g{dice.randrange(1, 20):02}")
        pairs = [f"{name}={quote(value)}" for name, value in form.items()]
        for _ in range(dice.randrange(1, 3)):
            odd = f"{dice.choice(names)}={dice.choice(odd_texts.IN_ADDRESSES)}"
            if dice.random() < 0.5:
                pairs[dice.randrange(len(pairs))] = odd
            else:
                pairs.insert(dice.randrange(len(pairs)), odd)
        kinds = ["application/x-www-form-urlencoded"] * 9 + list(odd_texts.IN_HEADERS[:4])
        headers = {"Content-Type": dice.choice(kinds)}
        body = "&".join(pairs).encode()
        yield framed(
            doors, "token", f"{body[:60]!r}", "gateway", "", "POST /oauth/token", headers, body
        )


def upload_shots(doors: Doors, dice: random.Random, count: int) -> Iterator[Shot]:
    """Yield `count` uploads of something else than was announced."""
    operation = next(
        one for one in doors.operations if one.method == "PUT" and "content" in one.path
    )
    for _ in range(count):
        label = f"PUT {_target(doors, operation, dice, real=0.95)}"
        body = dice.choice(
            (b"", PDF, PDF[:7], PDF + dice.randbytes(2_000), dice.randbytes(99), PDF * 3_000)
        )
        headers = {"Content-Type": "application/pdf"}
        headers[dice.choice(("Repr-Digest", "Content-Encoding", "Range", "Digest", "X"))] = (
            dice.choice(odd_texts.IN_HEADERS)
        )
        yield framed(
            doors, "upload", f"{len(body)} bytes", _door(dice), SENDER, label, headers, body
        )


def good_shots(doors: Doors, count: int) -> Iterator[Shot]:
    """Yield requests as a normal client sends them, to look at who else suffers."""
    for number in range(count):
        by, label = (
            (SENDER, "GET /v1/documents?limit=2"),
            (RECIPIENT, "GET /v1/inbox?limit=2"),
            (SENDER, "GET /v1/agencies?limit=2"),
            (RECIPIENT, "GET /v1/me"),
        )[number % 4]
        yield framed(doors, "normal", "", "gateway", by, label, {}, None)
