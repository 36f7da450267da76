"""What a service's image runs: opens the two sockets that a supervisor would hand over, then is it.

Needs the standard library only. `NAME_FILE` in the environment fills `NAME` with a file's content.
"""

import os
import socket
import sys
import urllib.request
from pathlib import Path

PRIVATE_PORT = 9100
"""Health and metrics of every service's container."""
BACKLOG = 1024
_FILE = "_FILE"


def opened(environment: "dict[str, str]") -> "dict[str, str]":
    """Return the environment with secrets read from the files that it names."""
    told = {name: value for name, value in environment.items() if not name.endswith(_FILE)}
    for name, path in environment.items():
        if name.endswith(_FILE):
            told[name.removesuffix(_FILE)] = Path(path).read_text(encoding="utf-8").strip()
    return told


def become(service: str, port: int, private: int) -> None:
    """Listen at both ports and become the service, which inherits the sockets."""
    prefix = service.upper()
    environment = opened(dict(os.environ))
    for name, number in (("LISTEN_FD", port), ("PRIVATE_FD", private)):
        sock = socket.create_server(("", number), backlog=BACKLOG)
        os.set_inheritable(sock.fileno(), True)
        environment[f"{prefix}_{name}"] = str(sock.detach())
    command = [sys.executable, "-m", f"services.{service}"]
    os.execve(command[0], command, environment)  # noqa: S606 (no shell, fixed words)


def healthy(port: int = PRIVATE_PORT) -> int:
    """Return 0 if the service of this container is ready; says why not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return 0 if answer.status == 200 else 1  # noqa: PLR2004 (HTTP's OK)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


def main() -> int:
    """`entry healthy`, or `entry <service> <port>`."""
    words = sys.argv[1:]
    if words == ["healthy"]:
        return healthy()
    private = int(os.environ.get("PRIVATE_PORT", str(PRIVATE_PORT)))
    become(words[0], int(words[1]), private)
    return 1


if __name__ == "__main__":
    sys.exit(main())
