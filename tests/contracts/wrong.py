"""Ten ways to ask wrongly, made from the OpenAPI document and a request that was right."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import uuid4

from infra.contracts.tour.guide import Exchange, Guide
from shared.sizes import VALIDATED_JSON_BYTES

Operation: TypeAlias = Mapping[str, Any]

STRANGER = "sys-g01"
"""A system that sends and receives, but has nothing to do with what the tour made."""
_ABSENT = {
    "agency_code": "H98.76",
    "ca": "nobody",
    "client_id": "no-such-system",
    "code": "H98.76",
    "kid": "no-such-key",
    "lane": "normal",
    "sha256": "0" * 64,
}
_DRAFTS = "/v1/documents/{document_id}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it will be sent."""

    method: str
    path: str
    by: str | None
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Right:
    """An operation, a request to it that was right, and where the objects are now."""

    guide: Guide
    name: str
    operation: Operation
    exchange: Exchange

    def asked(self, **changes: Any) -> Asked:  # noqa: ANN401 (fields of Asked)
        """Return the right request with changes."""
        sent = self.exchange.sent
        right = Asked(
            method=self.name.split(" ", 1)[0],
            path=self.path(),
            by=self.exchange.by,
            headers=self.exchange.headers,
            body=None if sent is None else json.dumps(sent).encode(),
        )
        return replace(right, **changes)

    def path(self, **places: str) -> str:
        """Return the path to a living object."""
        method, template = self.name.split(" ", 1)
        living = _values(self.exchange.path, template)
        living = {name: value for name, value in living.items() if name not in self.guide.ids}
        if method != "GET" and template.startswith(_DRAFTS):  # what can still be changed
            ids = self.guide.ids
            living["document_id"] = ids["draft_id"]
            living["attachment_id"] = ids["draft_file_id"]
        return self.guide.path(self.name, {**living, **places})

    def key(self) -> str:
        """Return a fresh key for what must not be a repetition."""
        return str(uuid4())


def _values(path: str, template: str) -> dict[str, str]:
    parts = zip(path.partition("?")[0].split("/"), template.split("/"), strict=True)
    return {part[1:-1]: value for value, part in parts if part.startswith("{")}


def _scopes(operation: Operation) -> set[str]:
    return {scope for way in operation.get("security", ()) for scope in way["oauth"]}


def _takes(operation: Operation, header: str) -> bool:
    references = [parameter.get("$ref", "") for parameter in operation.get("parameters", ())]
    names = [parameter.get("name", "") for parameter in operation.get("parameters", ())]
    return any(one.endswith(f"/{header}") for one in references) or header in names


def _json_body(operation: Operation) -> str | None:
    content = operation.get("requestBody", {}).get("content", {})
    return next((kind for kind in content if kind.endswith("json")), None)


def _parameter(operation: Operation) -> str | None:
    """Return a parameter of the query that not every text is good for."""
    for parameter in operation.get("parameters", ()):
        kinds = json.dumps(parameter.get("schema", {}))
        if parameter.get("in") == "query" and ('"integer"' in kinds or '"boolean"' in kinds):
            return str(parameter["name"])
    return None


def _places(operation: Operation) -> list[str]:
    return [one["name"] for one in operation.get("parameters", ()) if one.get("in") == "path"]


def _without_token(right: Right) -> Asked:
    return right.asked(by=None)


def _wrong_scope(right: Right) -> Asked:
    scopes, systems = _scopes(right.operation), right.guide.systems
    others = ("operator", "registrar", STRANGER)
    by = next(one for one in others if not scopes & set(systems[one].access.scope.split()))
    return right.asked(by=by)


def _wrong_agency(right: Right) -> Asked:
    foreign = {"On-Behalf-Of": "G02", "Idempotency-Key": right.key()}
    return right.asked(headers={**right.exchange.headers, **foreign})


def _foreign(right: Right) -> Asked:
    return right.asked(
        by=STRANGER, headers={**right.exchange.headers, "Idempotency-Key": right.key()}
    )


def _absent(right: Right) -> Asked:
    places = {name: _ABSENT.get(name, str(uuid4())) for name in _places(right.operation)}
    headers = {**right.exchange.headers, "Idempotency-Key": right.key()}
    return right.asked(path=right.path(**places), headers=headers)


def _body(right: Right, body: bytes, **headers: str) -> Asked:
    kinds = right.operation.get("requestBody", {}).get("content", {"application/json": {}})
    kind = {"Content-Type": _json_body(right.operation) or next(iter(kinds))}
    key = {"Idempotency-Key": right.key()}
    return right.asked(body=body, headers={**right.exchange.headers, **kind, **key, **headers})


def _garbage(right: Right) -> Asked:
    if right.name.startswith("GET "):
        name = _parameter(right.operation)
        if name is None:  # then a body is what it cannot take
            return _body(right, b"{}")
        return right.asked(path=f"{right.path()}?{name}=%22")
    return _body(right, b'{"number": NaN,}')


def _misshapen(right: Right) -> Asked:
    return _body(right, b'["neither an object", {"nor": "anything else"}]')


def _too_large(right: Right) -> Asked:
    size = VALIDATED_JSON_BYTES if right.name == "POST /v1/validations" else 2 << 20
    return _body(right, b'{"subject": "' + b"x" * size + b'"}')


def _wrong_media(right: Right) -> Asked:
    return _body(right, b"subject: yaml", **{"Content-Type": "application/yaml"})


def _stale(right: Right) -> Asked:
    return right.asked(
        headers={
            **right.exchange.headers,
            "If-Match": '"987654321"',
            "Idempotency-Key": right.key(),
        }
    )


def _without_key(right: Right) -> Asked:
    left = {name: v for name, v in right.exchange.headers.items() if name != "Idempotency-Key"}
    return right.asked(headers=left)


OTHER_BODY: Mapping[str, Mapping[str, Any]] = {
    "POST /v1/clients": {"scopes": ["directory"]},
    "POST /v1/deliveries/{delivery_id}/statuses": {"arrival_number": "999"},
    "POST /v1/agencies/{code}/state-changes": {"state": "closed"},
    "POST /v1/trust-list/changes": {"reason": "khác"},
    "POST /v1/trust-list/imports": {"reason": "khác"},
}
"""Where a further member changes nothing or is refused: another value of one that is known."""
_ONE_BODY = frozenset({"post_subscription"})
"""Operations that have one good body only, as long as there is one kind of subscription."""


def _repeated_key(right: Right) -> Asked:
    sent: dict[str, Any] = right.exchange.sent or {}
    changed = {**sent, **OTHER_BODY.get(right.name, {"further": 1})}
    # The same place too: a key belongs to a path.
    return right.asked(path=right.exchange.path, body=json.dumps(changed).encode())


def _acts(operation: Operation) -> bool:
    return _takes(operation, "On-Behalf-Of")


WAYS: Mapping[str, tuple[Callable[[Operation], bool], Callable[[Right], Asked]]] = {
    "no token": (lambda op: "security" in op, _without_token),
    "wrong scope": (lambda op: bool(_scopes(op)), _wrong_scope),
    "wrong agency": (_acts, _wrong_agency),
    "foreign id": (lambda op: _acts(op) and bool(_scopes(op)) and bool(_places(op)), _foreign),
    "absent id": (lambda op: bool(_places(op)), _absent),
    "garbage": (
        lambda op: bool(_json_body(op) or op["method"] == "GET"),
        _garbage,
    ),
    "misshapen": (lambda op: _json_body(op) is not None, _misshapen),
    "too large": (lambda op: "requestBody" in op, _too_large),
    "wrong media": (lambda op: "requestBody" in op, _wrong_media),
    "stale": (lambda op: _takes(op, "If-Match"), _stale),
    "no key": (lambda op: _takes(op, "Idempotency-Key"), _without_key),
    "other body": (
        lambda op: (
            _takes(op, "Idempotency-Key")
            and _json_body(op) is not None
            and op["operationId"] not in _ONE_BODY
        ),
        _repeated_key,
    ),
}
"""Each way: whether it means anything for an operation, and the request that goes that way."""
