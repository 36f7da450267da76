"""JSON Schemas of the events: `python -m infra.contracts.schemas` writes, `--check` compares."""

import json
import sys
from pathlib import Path
from typing import Any

from shared.events import ALL_EVENTS, Event
from shared.events.topics import TOPICS

FOLDER = Path(__file__).parents[2] / "shared" / "events" / "schema"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Return the schema of the value of an event's records."""
    body = event.model_json_schema(mode="serialization")
    topics = [topic.name for topic in TOPICS if event in topic.events]
    return {"$schema": _DIALECT, "$id": event.ce_type(), "x-topics": topics, **body}


def generate() -> dict[str, str]:
    """Return file names and texts of all schemas."""
    return {
        f"{event.NAME}.json": json.dumps(schema_of(event), indent=2, ensure_ascii=False) + "\n"
        for event in ALL_EVENTS
    }


def stale() -> list[str]:
    """Return the names of files that are missing, out of date, or of no event any more."""
    wanted = generate()
    present = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | present if wanted.get(name) != present.get(name))


def main(arguments: list[str]) -> int:
    """Write the schemas, or say which ones are stale."""
    if arguments == ["--check"]:
        for name in stale():
            print(f"{FOLDER.name}/{name} is stale: python -m infra.contracts.schemas")
        return 1 if stale() else 0
    FOLDER.mkdir(exist_ok=True)
    for name in stale():
        text = generate().get(name)
        if text is None:
            print(f"{name} belongs to no event; a type that was published stays for ever")
            return 1
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
