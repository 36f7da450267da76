"""The addresses of a stack: chosen once, held by the supervisor, written to `ports.json`."""

import socket
from dataclasses import dataclass, field

from infra.stack.alive import Process
from infra.stack.brokers import broker_name, brokers_of, port_names
from infra.stack.folder import SERVICES, Folder
from infra.stack.ports import Ports, keep_ports, kept_ports

_OWNERS = {
    "postgres": "postgres",
    "jaeger": "jaeger",
    "jaeger_grpc": "jaeger",
    "otlp": "jaeger",
}
_BACKLOG = 1024


@dataclass(slots=True)
class Sockets:
    """The listening sockets of the services and their instances, and the ports of the parts."""

    folder: Folder
    ports: Ports = field(default_factory=Ports)
    private: dict[str, list[socket.socket]] = field(default_factory=dict[str, list[socket.socket]])

    def open(self) -> None:
        """Choose all ports, keeping those of the last start, and listen for the services.

        A connection waits in the backlog while its service is away; it is not refused.
        """
        kept = kept_ports(self.folder)
        for name, owner in _OWNERS.items():
            self._choose(name, owner, kept)
        self._choose_brokers(kept)
        for name in SERVICES:
            self.ports.choose(name, kept=kept.get(name))
            self.ports.held[name].listen(_BACKLOG)
        keep_ports(self.folder, self.ports.chosen)

    def open_brokers(self) -> None:
        """Choose the ports of all nodes of Kafka, once their number is fixed."""
        self._choose_brokers(kept_ports(self.folder))
        keep_ports(self.folder, self.ports.chosen)

    def _choose_brokers(self, kept: dict[str, int]) -> None:
        for number in self._numbers():
            for name in port_names(number):
                self._choose(name, broker_name(number), kept)

    def _choose(self, name: str, owner: str, kept: dict[str, int]) -> None:
        adopted = Process.recorded(self.folder.pid_file(owner)) is not None
        self.ports.choose(name, kept=kept.get(name), ours=adopted)

    def _numbers(self) -> range:
        return range(1, brokers_of(self.folder) + 1)

    def _kafka(self, which: int) -> str:
        """Return where clients begin: every node, as one or two may be away."""
        names = [port_names(number)[which] for number in self._numbers()]
        return ",".join(f"127.0.0.1:{self.ports[name]}" for name in names)

    def private_of(self, service: str, number: int) -> socket.socket:
        """Return the private socket of an instance, opened at the first call."""
        sockets = self.private.setdefault(service, [])
        while len(sockets) < number:
            sockets.append(socket.create_server(("127.0.0.1", 0), backlog=64))
        return sockets[number - 1]

    def close_private(self, service: str, *, beyond: int) -> None:
        """Close the private sockets of instances that are no longer wanted."""
        sockets = self.private.get(service, [])
        for sock in sockets[beyond:]:
            sock.close()
        del sockets[beyond:]

    @property
    def urls(self) -> dict[str, str]:
        """Return each service's address."""
        return {name: f"http://127.0.0.1:{self.ports[name]}" for name in SERVICES}

    @property
    def addresses(self) -> dict[str, str]:
        """Return the address of everything that is reached from outside the stack."""
        return {
            **self.urls,
            "kafka": self._kafka(0),
            "kafka_oauth": self._kafka(2),
            "postgres": f"127.0.0.1:{self.ports['postgres']}",
            "jaeger": f"http://127.0.0.1:{self.ports['jaeger']}",
            "otlp": f"http://127.0.0.1:{self.ports['otlp']}",
        }

    def write(self) -> None:
        """Write `ports.json`, on which programs outside the project rely."""
        self.folder.write(
            "ports.json",
            {
                **self.addresses,
                "metrics": {
                    service: [private_url(sock) for sock in sockets]
                    for service, sockets in self.private.items()
                },
            },
        )


def private_url(sock: socket.socket) -> str:
    """Return the address of a private socket."""
    port: int = sock.getsockname()[1]
    return f"http://127.0.0.1:{port}"
