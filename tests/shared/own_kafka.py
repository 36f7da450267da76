"""A Kafka of a test's own, to be killed and wiped: the shared one belongs to all tests."""

import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from infra.stack.folder import Folder
from infra.stack.kafka import Kafka
from infra.stack.launch import start
from infra.stack.part import NotYet
from shared.events.topics import Service
from shared.kafka import KafkaAccess
from tests.fixtures.eventually import eventually


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(slots=True)
class OwnKafka:
    """One broker in a folder, provisioned like the stack's."""

    kafka: Kafka
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @classmethod
    def below(cls, folder: Path) -> "OwnKafka":
        """Prepare a broker that keeps everything below a folder."""
        state = Folder(folder)
        state.make()
        return cls(Kafka(state, _free_port(), _free_port(), _free_port(), "http://127.0.0.1:1"))

    async def start(self) -> None:
        """Start it (formatting what is missing) and make users, topics and rights."""
        await self.kafka.prepare(lambda _: None)
        self.process = start(self.kafka.launch(), self.kafka.folder.log("kafka"))
        await eventually(self._answers, "Kafka answers", timeout=60)
        await eventually(self._provisioned, "Kafka has users and topics", timeout=60)

    async def _answers(self) -> bool:
        try:
            await self.kafka.check()
        except NotYet:
            return False
        return True

    async def _provisioned(self) -> bool:
        try:
            await self.kafka.provision()
        except NotYet:
            return False
        return True

    def freeze(self) -> None:
        """Stop it where it is: connections stay open, nothing is answered."""
        if self.process:
            self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wipe(self) -> None:
        """Remove its log directory."""
        shutil.rmtree(self.kafka.data)

    def access(self, service: Service) -> KafkaAccess:
        """Return a service's way in."""
        password = self.kafka.folder.secret(f"kafka-{service}")
        return KafkaAccess(self.kafka.address, service, password)
