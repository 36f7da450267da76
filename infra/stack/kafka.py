"""Kafka 4 as one KRaft node or three; a start makes whatever a log directory lacks."""

import asyncio
import base64
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import KafkaException

from infra.kafka.admin import Admin
from infra.kafka.jars import class_path
from infra.kafka.provision import provision
from infra.stack.brokers import broker_name, brokers_of, port_names
from infra.stack.caches import alone
from infra.stack.folder import TREE, Folder, write_closed
from infra.stack.java import java, quoted
from infra.stack.launch import Launch
from infra.stack.part import NotYet, Say
from infra.stack.ports import listening
from infra.stack.trouble import Trouble
from shared.settings import AUDIENCE
from shared.tokens import LEEWAY, MAX_LIFETIME

_CONFIG = TREE / "infra" / "kafka"
JWKS = "kafka-jwks.json"
"""In the state folder: the gateway's key set, kept for the broker by the provisioner."""
WORD = "provisioner.json"
"""In the state folder: what the provisioner waits for; touched at each of its passes."""


@dataclass(frozen=True, slots=True)
class Kafka:
    """One node of a stack's Kafka: `prepare`, start what `launch` says, then `provision`."""

    folder: Folder
    port: int
    controller_port: int
    oauth_port: int
    """Where integrators come in, with an access token."""
    issuer: str
    """`iss` of their tokens."""
    number: int = 1
    controllers: tuple[int, ...] = ()
    """The controllers' ports of all nodes, in order; empty: it is alone."""
    outlives: bool = True

    @classmethod
    def at(cls, folder: Folder, ports: Mapping[str, int], number: int = 1) -> "Kafka":
        """Describe a node of a stack's Kafka by the stack's ports."""
        issuer = f"http://127.0.0.1:{ports['gateway']}"
        client, controller, oauth = port_names(number)
        names = [port_names(one)[1] for one in range(1, brokers_of(folder) + 1)]
        return cls(
            folder,
            ports[client],
            ports[controller],
            # A folder of before there was a listener for tokens does not name its port.
            ports.get(oauth, 0),
            issuer,
            number=number,
            controllers=tuple(ports[name] for name in names),
        )

    @property
    def name(self) -> str:
        """`kafka`, and `kafka-2`, `kafka-3` for the further ones."""
        return broker_name(self.number)

    @property
    def address(self) -> str:
        """Where clients begin."""
        return f"127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Return the log directory."""
        return self.folder.path / self.name / "data"

    @property
    def jwks(self) -> Path:
        """Return the file of the keys that sign access tokens; the broker notices a change."""
        return self.folder.path / JWKS

    async def prepare(self, say: Say) -> None:
        """Write the settings, and format the log directory if it is new, wiped or half-made."""
        await asyncio.to_thread(self._prepare, say)

    def _prepare(self, say: Say) -> None:
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.data.parent.chmod(0o700)  # Kafka makes its files readable to all: topics, passwords
        jars = class_path(say)
        if not self.jwks.exists():  # the broker needs one to start; the provisioner fills it
            self.folder.write(JWKS, {"keys": []})
        write_closed(self._settings(), self.settings(data=self.data, jwks=self.jwks))
        # One node after the other: the first begins a cluster, the others find it.
        with alone(self.folder.path / "kafka.lock"):
            if not _formatted(self.data):
                say("formats its log directory")
                self._format(jars)

    def settings(self, *, data: Path, jwks: Path) -> str:
        """Return `server.properties` for a log directory and a file of token keys."""
        controllers = self.controllers or (self.controller_port,)
        voters = [f"{node}@127.0.0.1:{port}" for node, port in enumerate(controllers, start=1)]
        return (
            (_CONFIG / "server.properties")
            .read_text()
            .format_map(
                {
                    "node": self.number,
                    "voters": ",".join(voters),
                    "copies": len(voters),
                    "in_sync": len(voters) // 2 + 1,
                    "port": self.port,
                    "controller_port": self.controller_port,
                    "oauth_port": self.oauth_port,
                    "jwks": jwks.as_uri(),
                    "issuer": self.issuer,
                    "audience": AUDIENCE,
                    "leeway": LEEWAY,
                    "session_ms": MAX_LIFETIME * 1000,
                    "data": data,
                    "admin_password": self.folder.secret("admin"),
                    "controller_password": self.folder.secret("controller"),
                    "…": "{…}",
                }
            )
        )

    def launch(self) -> Launch:
        """Say how the broker is started."""
        options = (
            "-Xmx512m",
            "-Xms256m",
            "-XX:+ExitOnOutOfMemoryError",
            # Half the processor time until it is ready; one small node needs no more.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={_CONFIG / 'log4j2.xml'}",
            f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.jwks.as_uri()}",
        )
        argv = (str(java()), *options, "-cp", class_path(lambda _: None))
        return Launch(
            argv=(*argv, "kafka.Kafka", str(self._settings())),
            cwd=self.data.parent,
            grace=20,
        )

    async def check(self) -> None:
        """Return if the broker answers its administrator; raises NotYet."""
        if not listening(self.port):
            raise NotYet("does not listen yet")
        away = sum(not listening(port) for port in self.controllers)
        if 2 * away > len(self.controllers):
            raise NotYet(f"has no leader: {away} of {len(self.controllers)} nodes are away")
        admin = Admin.of(self.address, self.folder.secret)
        if not await asyncio.to_thread(admin.answers):
            raise NotYet("does not answer its administrator")
        if not listening(self.oauth_port):  # adopted, and started before there was that listener
            raise NotYet(f"takes no tokens; begin it anew: make kill P={self.name}")

    async def provision(self) -> None:
        """Make users, rights and topics as they have to be; again at every start of the first."""
        if self.number > 1:
            return
        try:
            complete = await asyncio.to_thread(provision, self.address, self.folder.secret)
        except (KafkaException, TimeoutError) as error:
            raise NotYet(f"cannot be provisioned: {error}") from error
        if not complete:
            raise NotYet("is given its users, rights and topics")

    def _settings(self) -> Path:
        return self.data.parent / "server.properties"

    def _format(self, jars: str) -> None:
        # A new cluster id tells every relay that all it has published is gone.
        cluster = self._others_cluster() or new_cluster()
        shutil.rmtree(self.data, ignore_errors=True)
        scram = f"SCRAM-SHA-256=[name=admin,password={self.folder.secret('admin')}]"
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._settings()))
        words = (
            *("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            f"-Dlog4j2.configurationFile={_CONFIG / 'log4j2.xml'}",
            *("-cp", jars),
            *tool,
            *("--add-scram", scram),
        )
        # A command line is everybody's to read, and the tool takes the password nowhere else.
        given = self.data.parent / "format.args"
        write_closed(given, "".join(f"{quoted(word)}\n" for word in words))
        try:
            done = subprocess.run(
                (str(java()), f"@{given}"), check=False, capture_output=True, text=True
            )
        finally:
            given.unlink()
        if done.returncode:
            said = done.stdout + done.stderr
            shutil.rmtree(self.data, ignore_errors=True)
            raise Trouble(
                f"Kafka's log directory could not be formatted:\n{said[-800:]}",
                f"make room or repair what it says, then: {self.folder.hint('')} make up",
            )

    def _others_cluster(self) -> str:
        """Return the id of the cluster that another node holds; empty: none does."""
        for number in range(1, len(self.controllers) + 1):
            other = replace(self, number=number)
            if number != self.number and _formatted(other.data):
                said = (other.data / "meta.properties").read_text()
                found = re.search(r"^cluster\.id=(\S+)$", said, re.MULTILINE)
                if found:
                    return found[1]
        return ""


def _formatted(data: Path) -> bool:
    """Say whether the directory has its mark and its metadata; one alone is a half-made one."""
    metadata = data / "__cluster_metadata-0"
    marked = (data / "meta.properties").exists()
    return marked and metadata.is_dir() and any(metadata.iterdir())


def new_cluster() -> str:
    """Return a cluster's id; none begins with "-", which Kafka's tools would take for an option."""
    while (name := _base64(uuid.uuid4().bytes)).startswith("-"):
        pass
    return name


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
