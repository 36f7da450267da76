"""Which ports a stack uses: the usual ones if they are free, else others; then always the same."""

import errno
import socket
from dataclasses import dataclass, field

from infra.stack.folder import Folder
from infra.stack.trouble import Trouble

USUAL = {
    "gateway": 8080,
    "docs": 8081,
    "signing": 8082,
    "notify": 8083,
    "kafka": 9092,
    "kafka_controller": 9093,
    "kafka_oauth": 9094,
    "kafka_2": 9095,
    "kafka_controller_2": 9096,
    "kafka_oauth_2": 9097,
    "kafka_3": 9098,
    "kafka_controller_3": 9099,
    "kafka_oauth_3": 9100,
    "postgres": 5433,
    "jaeger": 16686,
    "otlp": 4318,
    "jaeger_grpc": 16685,
}
"""The first choice of each port. The next ones are 100 higher each."""

_STEP, _TRIES = 100, 100
_LAST = 32_000  # above it the kernel gives ports to outgoing connections


def _bound(port: int, *, again: bool) -> socket.socket | None:
    """Bind the port without listening. `again`: sockets that are still closing do not count.

    The socket keeps other stacks from choosing the port; a server that sets SO_REUSEADDR, as all
    of ours do, can still bind and listen.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if again:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        sock.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise
    return sock


def _claimed(port: int) -> socket.socket | None:
    """Claim the port among stacks, until the socket is closed; None if another stack has it.

    Two stacks that both kept a port could otherwise both bind it again before a server listens:
    a socket that is bound and does not listen keeps only those away that bind for the first time.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0lienthong/port/{port}")  # no file: gone with the process, however it ends
    except OSError as error:
        claim.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return claim


def listening(port: int) -> bool:
    """Say whether something listens on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Ports:
    """The chosen ports, and the sockets that hold them until their servers run."""

    chosen: dict[str, int] = field(default_factory=dict[str, int])
    held: dict[str, socket.socket] = field(default_factory=dict[str, socket.socket])
    claims: dict[str, socket.socket] = field(default_factory=dict[str, socket.socket])
    """What keeps other stacks away, also while a server is started again."""
    moved: list[str] = field(default_factory=list[str])
    """Sentences about ports that could not be kept."""

    def __getitem__(self, name: str) -> int:
        return self.chosen[name]

    def choose(self, name: str, *, kept: int | None, ours: bool = False) -> int:
        """Choose and hold a port: the one kept from an earlier start, the usual one, another.

        `ours`: a process of this stack that is being adopted listens on the kept one already.
        """
        if name in self.chosen:
            return self.chosen[name]
        if kept is not None and ours:
            self.chosen[name] = kept
            self._claim(name, kept)
            return kept
        for port in self._candidates(name, kept):
            if self._claim(name, port) and self._hold(name, port, again=port == kept):
                self._note(name, port, kept)
                self.chosen[name] = port
                return port
        raise Trouble(
            f"no free port was found for {name} ({USUAL[name]}, {USUAL[name] + _STEP}, …)",
            "end what listens there: ss -ltnp shows it",
        )

    def _claim(self, name: str, port: int) -> bool:
        self._let_go(self.claims, name)
        claim = _claimed(port)
        if claim is not None:
            self.claims[name] = claim
        return claim is not None

    def _hold(self, name: str, port: int, *, again: bool) -> bool:
        sock = _bound(port, again=again)
        if sock is None:
            return False
        if again and listening(port):
            sock.close()
            return False
        self.held[name] = sock
        return True

    @staticmethod
    def _candidates(name: str, kept: int | None) -> list[int]:
        usual = [USUAL[name] + _STEP * n for n in range(_TRIES) if USUAL[name] + _STEP * n < _LAST]
        return usual if kept is None else [kept, *usual]

    def _note(self, name: str, port: int, kept: int | None) -> None:
        first = USUAL[name] if kept is None else kept
        if port != first:
            self.moved.append(f"port {first} is taken; {name} uses {port}")

    def release(self, name: str) -> None:
        """Stop holding a port: its server has it. Other stacks are still kept away."""
        self._let_go(self.held, name)

    def close(self) -> None:
        """Let go of all ports: the stack ends."""
        for name in self.chosen:
            self._let_go(self.held, name)
            self._let_go(self.claims, name)

    @staticmethod
    def _let_go(sockets: dict[str, socket.socket], name: str) -> None:
        sock = sockets.pop(name, None)
        if sock is not None:
            sock.close()


def kept_ports(folder: Folder) -> dict[str, int]:
    """Return the ports of the stack's earlier start."""
    return {
        name: port
        for name, port in folder.read("chosen-ports.json").items()
        if isinstance(port, int)
    }


def keep_ports(folder: Folder, ports: dict[str, int]) -> None:
    """Remember the ports for the next start."""
    folder.write("chosen-ports.json", kept_ports(folder) | ports)
