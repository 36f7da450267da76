"""`python -m infra.contracts.asyncapi`: the AsyncAPI document, made from the list of topics."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from infra.contracts import node_packages
from infra.contracts.asyncapi_words import (
    ABOUT,
    EXTENSIONS,
    HEADERS,
    SECURITY,
    VIETNAMESE,
    Document,
    servers,
)
from infra.kafka.admin import Admin, TopicSpec
from infra.kafka.provision import specs
from infra.stack.trouble import Trouble
from shared.events import ALL_EVENTS, Event
from shared.events.topics import TOPICS, Topic, group, mailbox
from shared.events.types import AGENCIES

DOCUMENT = Path(__file__).parents[2] / "services" / "gateway" / "asyncapi.json"
SYSTEM = "{system}"
"""Stands for the client id in the name of a mailbox topic."""
_PREFIX = "lienthong."
_BINDING = "0.5.0"


def document() -> Document:
    """Return the document as the list of topics and the events say now."""
    topics = [*TOPICS, mailbox(SYSTEM)]
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Liên thông: sự kiện · events",
            "version": "1.0.0",
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": name} for name in (*_services(), "integrator")],
        },
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": dict(_channels(topics)),
        "operations": dict(_operations(topics)),
        "components": {
            "messages": {event.NAME: _message(event, topics) for event in ALL_EVENTS},
            "schemas": _schemas(),
            "securitySchemes": SECURITY,
        },
    }


def text() -> str:
    """Return the text of the file."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


def asyncapi_findings(file: Path = DOCUMENT) -> list[str]:
    """Return a line for each thing that @asyncapi/parser finds in the document."""
    done = node_packages.run(node_packages.HERE / "asyncapi.cjs", file)
    if done.returncode != 0:
        raise Trouble(f"@asyncapi/parser: {done.stderr.strip()[-500:]}", "see its words")
    told = json.loads(done.stdout)
    found = [
        f"{row['code']}: {'/'.join(map(str, row['path']))}: {row['message']}"
        for row in told["findings"]
    ]
    return found if told["parsed"] or found else ["the document was not parsed"]


def live_differences(admin: Admin) -> list[str]:
    """Return a line for each topic of a broker that is not as the committed document says."""
    described = _described(json.loads(DOCUMENT.read_text(encoding="utf-8")))
    present = admin.topics()
    mailboxes, _, ending = mailbox(SYSTEM).name.partition(SYSTEM)
    found = {
        name: described.get(name) or described[f"{mailboxes}{SYSTEM}{ending}"]
        for name in present
        if name in described or (name.startswith(mailboxes) and name.endswith(ending))
    }
    settings = admin.settings(found)
    lines = [f"{name} is missing" for name in described.keys() - found if SYSTEM not in name]
    lines += [
        f"{name} is not described" for name in present.keys() - found if name.startswith(_PREFIX)
    ]
    for name, wanted in found.items():
        if present[name] != wanted.partitions:
            lines.append(f"{name} has {present[name]} partitions, not {wanted.partitions}")
        lines += [
            f"{name}: {key} is {settings[name].get(key)}, not {value}"
            for key, value in wanted.config.items()
            if settings[name].get(key) != value
        ]
    return sorted(lines)


def _described(found: Document) -> dict[str, TopicSpec]:
    """Return the topics of a document, by name, as Kafka would have to hold them."""
    topics: dict[str, TopicSpec] = {}
    for channel in found["channels"].values():
        binding = channel["bindings"]["kafka"]
        config = {
            name: ",".join(cast("list[str]", value)) if isinstance(value, list) else str(value)
            for name, value in binding["topicConfiguration"].items()
        }
        topics[channel["address"]] = TopicSpec(channel["address"], binding["partitions"], config)
    return topics


def _services() -> list[str]:
    return sorted({topic.writer for topic in TOPICS})


def _channels(topics: Iterable[Topic]) -> Iterable[tuple[str, Document]]:
    for topic in topics:
        whole, dead = specs(topic)
        doors = ["services"]
        if _for_integrators(topic):
            doors += ["integrators", "integratorsOverTls"]
        channel = _channel(topic, whole, doors)
        if SYSTEM in topic.name:
            about = "Mã hệ thống kết nối · The client id of the system that subscribed."
            channel["parameters"] = {"system": {"description": about}}
        yield _id(topic.name), channel
        if topic.readers:
            yield _id(topic.dead_letters), _channel(topic, dead, ["services"])


def _channel(topic: Topic, spec: TopicSpec, doors: Iterable[str]) -> Document:
    dead = spec.name == topic.dead_letters
    kept: dict[str, Any] = {"cleanup.policy": [spec.config["cleanup.policy"]]}
    if "retention.ms" in spec.config:
        kept["retention.ms"] = int(spec.config["retention.ms"])
    binding = {
        "partitions": spec.partitions,
        "topicConfiguration": kept,
        "bindingVersion": _BINDING,
    }
    about = f"Copies of records of `{topic.name}` that a reader had to park." if dead else ""
    return {
        "address": spec.name,
        "title": spec.name.removeprefix(_PREFIX),
        "description": about or f"Key: {topic.key}. Written by {topic.writer}.",
        "servers": [{"$ref": f"#/servers/{name}"} for name in doors],
        "messages": {
            event.NAME: {"$ref": f"#/components/messages/{event.NAME}"} for event in topic.events
        },
        "bindings": {"kafka": binding},
    }


def _operations(topics: Iterable[Topic]) -> Iterable[tuple[str, Document]]:
    for topic in topics:
        sent = _operation("send", topic, topic.writer, topic.name)
        yield f"{topic.writer}.send.{_id(topic.name)}", sent
        for reader in topic.readers:
            received = _operation("receive", topic, reader, topic.name, group(reader, topic.name))
            yield f"{reader}.receive.{_id(topic.name)}", received
            parked = _operation("send", topic, reader, topic.dead_letters)
            yield f"{reader}.send.{_id(topic.dead_letters)}", parked
        if _for_integrators(topic):
            received = _operation("receive", topic, "integrator", topic.name)
            groups = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9-]{1,62}\..+$"}
            received["bindings"] = {"kafka": {"groupId": groups, "bindingVersion": _BINDING}}
            yield f"integrator.receive.{_id(topic.name)}", received


def _operation(
    action: str, topic: Topic, who: str, name: str, consumer_group: str | None = None
) -> Document:
    channel = f"#/channels/{_id(name)}"
    made: Document = {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{who}: {action} {name}",
        "tags": [{"name": who}],
        "messages": [{"$ref": f"{channel}/messages/{event.NAME}"} for event in topic.events],
    }
    if consumer_group is not None:
        named = {"type": "string", "enum": [consumer_group]}
        made["bindings"] = {"kafka": {"groupId": named, "bindingVersion": _BINDING}}
    return made


def _message(event: type[Event], topics: Iterable[Topic]) -> Document:
    key = next(topic.key for topic in topics if event in topic.events)
    own: Document = {"ce_type": {"const": event.ce_type()}}
    own |= {name: {"type": "string"} for name in EXTENSIONS.get(event.NAME, ())}
    return {
        "name": event.ce_type(),
        "title": VIETNAMESE[event.NAME],
        "summary": (event.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/Headers"},
                {"type": "object", "properties": own},
            ]
        },
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"The {key}."},
                "bindingVersion": _BINDING,
            }
        },
    }


def _schemas() -> Document:
    """Return the shapes of the values, as `shared/events/schema` has them one by one."""
    models = [(event, "serialization") for event in ALL_EVENTS]
    _, shapes = models_json_schema(
        models,  # pyright: ignore[reportArgumentType] (a list of literals is inferred as of str)
        ref_template="#/components/schemas/{model}",
    )
    return {"Headers": HEADERS, **shapes["$defs"]}


def _id(topic: str) -> str:
    return topic.removeprefix(_PREFIX).replace(f".{SYSTEM}", "")


def _for_integrators(topic: Topic) -> bool:
    return topic.name == AGENCIES or SYSTEM in topic.name


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
    print(f"{DOCUMENT.name}: {DOCUMENT.stat().st_size} bytes", file=sys.stderr)
