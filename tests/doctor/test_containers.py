"""Image and compose file: what the stack's data make of them, and that a service begins by them."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from infra.containers import compose, share
from infra.containers.plan import addresses
from infra.kafka.provisioner import Settings as ProvisionerSettings
from infra.stack.folder import PROCESSES, SERVICES, TREE, Folder
from infra.stack.part import NotYet
from infra.stack.services import ask
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

TEXT = compose.FILE.read_text(encoding="utf-8")
PARTS: Mapping[str, Any] = yaml.safe_load(TEXT)["services"]
DOCKERFILE = (TREE / "infra" / "Dockerfile").read_text(encoding="utf-8")


def test_the_file_is_what_the_stack_says() -> None:
    assert compose.text() == TEXT, "python -m infra.containers.compose"


def test_the_specifications_own_model_reads_it_whole() -> None:
    read = PyCompose.from_yaml(TEXT)
    assert all(name in read for name in PARTS)
    with pytest.raises(ValueError, match="restarting"):
        PyCompose.from_yaml(TEXT.replace("restart:", "restarting:"))


def test_every_process_of_the_stack_is_in_it_and_waits_only_for_what_is_there() -> None:
    assert set(PROCESSES) <= set(PARTS)
    for name, part in PARTS.items():
        assert set(part.get("depends_on", {})) <= set(PARTS) - {name}
    declared = set(yaml.safe_load(TEXT)["volumes"])
    mounted = {v.split(":")[0] for part in PARTS.values() for v in part.get("volumes", ())}
    assert {name for name in mounted if not name.startswith(".")} == declared


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_what_its_settings_ask_for_and_nothing_else(service: str) -> None:
    fields = compose.settings_of(service).model_fields
    prefix = f"{service.upper()}_"
    said = {
        name.removesuffix("_FILE").removeprefix(prefix).lower()
        for name in PARTS[service]["environment"]
    }
    needed = {name for name, field in fields.items() if field.is_required()}
    assert said <= set(fields)
    assert needed <= said | {"listen_fd", "private_fd"}


def test_the_provisioner_is_told_what_its_settings_ask_for() -> None:
    said = PARTS["provisioner"]["environment"]
    asked = {f"PROVISIONER_{name.upper()}" for name in ProvisionerSettings.model_fields}
    assert set(said) == asked


def test_no_secret_stands_in_the_file() -> None:
    told = [value for part in PARTS.values() for value in part.get("environment", {}).values()]
    assert not [value for value in told if re.search(r"postgresql://|BEGIN|password=", value)]


@pytest.mark.parametrize("service", [*SERVICES, "provisioner"])
def test_an_images_lock_suffices_for_its_program(service: str) -> None:
    """Import the program while every package outside its lock is refused."""
    program = "infra.kafka.provisioner" if service == "provisioner" else f"services.{service}"
    main = "" if service == "provisioner" else ".__main__"
    others = ", infra.containers.share, infra.provision" if service == "provisioner" else ""
    script = f"""
import sys
from importlib.metadata import packages_distributions
lines = open("requirements/{service}.lock")
locked = {{line.split("==")[0].split("[")[0] for line in lines if "==" in line}}
fold = lambda name: name.lower().replace("_", "-").replace(".", "-")
owners = packages_distributions()
class Refuse:
    def find_spec(self, name, path=None, target=None):
        by = owners.get(name.partition(".")[0])
        if by and not any(fold(one) in locked or one == "lienthong" for one in by):
            raise ModuleNotFoundError(f"{{name}} is not in the lock ({{by}})", name=name)
sys.meta_path.insert(0, Refuse())
import {program}{main}{others}, infra.containers.entry
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=TREE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-1500:]


def test_what_an_image_copies_is_there_and_it_is_nobodys_root() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    for name in copied:
        for service in (*SERVICES, "provisioner"):
            assert (TREE / name.replace("${SERVICE}", service)).exists(), name
    ignored = (TREE / "infra" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name.partition('/')[0]}" for name in copied} <= set(ignored)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


async def test_keys_and_secrets_are_shared_so_that_each_part_has_only_its_own(
    tmp_path: Path,
) -> None:
    places = share.Places(tmp_path / "state", tmp_path / "keys", tmp_path / "broker")
    for place in (places.state, places.keys, places.broker):
        place.mkdir()
    await asyncio.to_thread(share.share, places, addresses())
    before = {path: path.read_bytes() for path in _files(tmp_path)}
    await asyncio.to_thread(share.share, places, addresses())
    assert {path: path.read_bytes() for path in _files(tmp_path)} == before, "twice is once"

    secrets = Folder(places.state).read("secrets.json")
    held = {path.parent.name: path.read_text() for path in places.keys.glob("*/kafka_password")}
    assert held == {service: secrets[f"kafka-{service}"] for service in SERVICES}
    for service in SERVICES:
        told = {Path(v).name for v in PARTS[service]["environment"].values() if "/keys/" in v}
        assert told <= {path.name for path in (places.keys / service).iterdir()}
    broker = (places.broker / "server.properties").read_text()
    assert "\nadvertised.listeners=CLIENT://kafka:9092,OAUTH://localhost:9094\n" in broker
    listeners = "CLIENT://0.0.0.0:9092,OAUTH://0.0.0.0:9094,CONTROLLER://127.0.0.1:9093"
    assert f"\nlisteners={listeners}\n" in broker
    assert "{" not in broker.replace("{…}", "")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def test_a_service_begins_by_the_entry_with_what_the_file_tells_it(
    stack: Stack, tmp_path: Path
) -> None:
    """Run notify as its container would: same entry, same names; addresses are the stack's."""
    share.give(stack.folder, "notify", tmp_path / "keys", stack.url("postgres"))
    here = {address: stack.url(name) for name, address in addresses().items()}
    told = PARTS["notify"]["environment"]
    env = {name: _here(value, here, tmp_path) for name, value in told.items()}
    private, public = _free(), _free()
    words = PARTS["notify"]["command"][1:-1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words, str(public)),
        cwd=TREE,
        env={"PATH": os.environ["PATH"], "PRIVATE_PORT": str(private), **env},
        stdout=asyncio.subprocess.DEVNULL,
    )

    async def ready() -> bool:
        assert process.returncode is None, "it has ended"
        try:
            status, _ = await ask(f"http://127.0.0.1:{private}", "/health/ready")
        except NotYet:
            return False
        return status == 200

    try:
        await eventually(ready, "notify is ready", timeout=60, pause=0.2)
        status, _ = await ask(f"http://127.0.0.1:{public}", "/v1/inbox")
        assert status == 401
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


def _here(value: str, here: Mapping[str, str], keys: Path) -> str:
    for there, address in here.items():
        value = value.replace(there, address)
    return value.replace("/keys", str(keys / "keys"))


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
