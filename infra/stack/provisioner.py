"""The provisioner of integrators' topics and rights, as a process that the stack keeps running."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from infra.stack.folder import TREE, Folder
from infra.stack.kafka import JWKS, WORD
from infra.stack.launch import Launch
from infra.stack.part import NotYet, Say

_SILENCE = 60.0
"""Seconds without a pass after which it hangs; one that waits for Kafka in vain takes half."""


@dataclass(frozen=True, slots=True)
class Provisioner:
    """One stack's provisioner: it serves nobody, so it has no address."""

    folder: Folder
    addresses: Mapping[str, str]
    """As in `ports.json`: gateway, notify, kafka, kafka_oauth."""
    name: str = "provisioner"
    address: str = "-"
    outlives: bool = False

    async def prepare(self, say: Say) -> None:
        """Forget what an earlier life has said."""
        del say
        (self.folder.path / WORD).unlink(missing_ok=True)

    def launch(self) -> Launch:
        """Say how it is started."""
        run = self.folder.path
        env = {
            "PROVISIONER_RUN": str(run),
            "PROVISIONER_KAFKA_BOOTSTRAP": self.addresses["kafka"],
            "PROVISIONER_KAFKA_OAUTH": self.addresses["kafka_oauth"],
            "PROVISIONER_CLIENT_KEY": str(run / "pki" / "service-provisioner.key.pem"),
            "PROVISIONER_GATEWAY_URL": self.addresses["gateway"],
            "PROVISIONER_NOTIFY_URL": self.addresses["notify"],
            "PROVISIONER_JWKS": str(run / JWKS),
        }
        return Launch(argv=(sys.executable, "-m", "infra.kafka.provisioner"), env=env, cwd=TREE)

    async def check(self) -> None:
        """Return if its last pass found everything; raises NotYet with what it waits for."""
        word = self.folder.path / WORD
        try:
            why = str(json.loads(word.read_text())["why"])
            age = time.time() - word.stat().st_mtime
        except FileNotFoundError:
            raise NotYet("has not made its first pass") from None
        if age > _SILENCE:
            raise NotYet(f"has made no pass for {age:.0f} s")
        if why:
            raise NotYet(f"waits: {why}")

    async def provision(self) -> None:
        """Need nothing."""
