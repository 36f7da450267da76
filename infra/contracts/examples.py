"""Examples of bodies and answers: recorded from the tour of a running stack, put into the document.

`python -m infra.contracts.examples` records them anew; `tests/contracts/test_tour.py` sends them.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from infra.client import run_folder
from infra.contracts.tour.guide import Exchange, Guide, Json, guided
from infra.contracts.tour.whole import tour

RECORDED = Path(__file__).with_name("examples.json")
_MOST_ITEMS = 2
_LONGEST = 1_000
_JSON = "application/json"
_MERGE = "application/merge-patch+json"
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def of_guide(guide: Guide) -> dict[str, dict[str, Json]]:
    """Return what the tour sent and was answered: the first body, the first answer per status."""
    found: dict[str, dict[str, Json]] = {}
    for exchange in guide.exchanges:
        example = found.setdefault(exchange.operation, {})
        if exchange.sent is not None and 200 <= exchange.status < 300:  # noqa: PLR2004
            example.setdefault("sent", shortened(exchange.sent))
        if _is_shown(exchange):
            example.setdefault(str(exchange.status), shortened(exchange.answered))
    return {name: example for name, example in sorted(found.items()) if example}


def _is_shown(exchange: Exchange) -> bool:
    return exchange.media_type == _JSON and exchange.answered is not None


def shortened(node: Json) -> Json:
    """Return an example that a person can read: few items, no text of pages."""
    if isinstance(node, list):
        return [shortened(item) for item in cast("list[Json]", node)[:_MOST_ITEMS]]
    if isinstance(node, dict):
        members = cast("dict[str, Json]", node)
        return {name: shortened(value) for name, value in members.items()}
    if isinstance(node, str) and len(node) > _LONGEST:
        return node[:40] + "…"
    return node


def recorded() -> dict[str, dict[str, Json]]:
    """Return the recorded examples by operation: `sent`, and answers by status."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def put(paths: Mapping[str, Mapping[str, Any]], examples: Mapping[str, Mapping[str, Json]]) -> None:
    """Put the examples where the operations have bodies and answers of JSON."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            example = examples.get(f"{method.upper()} {path}", {})
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, body in content.items():
                if "sent" in example and media_type.partition(";")[0].endswith("json"):
                    body.setdefault("example", example["sent"])
            for status, answer in operation["responses"].items():
                body = answer.get("content", {}).get(_JSON)
                if body is not None and status in example:
                    body.setdefault("example", example[status])


def differences(old: Json, new: Json, at: str = "") -> list[str]:
    """Return where a recorded example has other members, or other types, than a fresh one."""
    if old is None or new is None:
        return []
    if type(old) is not type(new):
        return [f"{at or '/'}: {type(old).__name__} was recorded, it is {type(new).__name__}"]
    if isinstance(old, list):
        pair = cast("list[Json]", old)[:1], cast("list[Json]", new)[:1]
        return differences(pair[0][0], pair[1][0], f"{at}/0") if all(pair) else []
    if isinstance(old, dict):
        before, after = cast("dict[str, Json]", old), cast("dict[str, Json]", new)
        other = {name for name in before.keys() ^ after.keys() if not _is_id(name)}
        found = [f"{at}/{name}: only in one of the two" for name in sorted(other)]
        for name in sorted(before.keys() & after.keys()):
            found += differences(before[name], after[name], f"{at}/{name}")
        return found
    return []


def _is_id(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def lacking(document: Mapping[str, Any]) -> set[str]:
    """Return the operations that have a body or an answer of JSON without an example."""
    return {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if not all("example" in one for one in _bodies(operation))
    }


def _bodies(operation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [answer.get("content", {}) for answer in operation["responses"].values()]
    for content in contents:
        for media_type, body in content.items():
            if media_type in {_JSON, _MERGE}:
                yield body


async def _record() -> int:
    async with guided(run_folder()) as guide:
        await tour(guide)
    found = of_guide(guide)
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    RECORDED.write_text(text + "\n", encoding="utf-8")
    print(f"{RECORDED.name}: {len(found)} operations", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_record()))
