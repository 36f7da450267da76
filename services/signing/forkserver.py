"""The process that workers are forks of: all they need is loaded once, not a second for each."""

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

from services.signing import hexstring
from services.signing.pipe import ENDED, KILL, LONGEST_ORDER, MADE, MAKE
from services.signing.worker import work

_LOWEST = 19
_MOST_DESCRIPTORS = 1 << 20


class ForkServer:
    """Makes workers, and tells how they ended; it alone is their parent and may signal them.

    One thread, and nothing of a file: a fork of it is as it would be after a start of its own.
    """

    def __init__(self, control: socket.socket) -> None:
        """Take orders from a socket."""
        self._control = control
        self._living: dict[int, int] = {}
        """Descriptors of living workers (pidfd_open(2)), by pid."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Obey until whoever gives the orders has gone; then the workers die with this process."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._bury(key.data)
                elif not self._obey():
                    return

    def _obey(self) -> bool:
        message, sockets, _, _ = socket.recv_fds(self._control, LONGEST_ORDER, 1)
        if not message:
            return False
        order, number = message.decode().split()
        if order == MAKE:
            self._make(int(number), sockets[0])
        elif int(number) in self._living:  # else its end has crossed the order
            self._signal(order, int(number))
        return True

    def _signal(self, order: str, pid: int) -> None:
        """Kill a worker, or have it go on when nobody else wants the processor."""
        if order == KILL:
            os.kill(pid, signal.SIGKILL)
        else:
            os.setpriority(os.PRIO_PROCESS, pid, _LOWEST)

    def _make(self, memory: int, connection: int) -> None:
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            pid = -1
        if pid == 0:
            self._be_worker(connection, memory, parent)
        os.close(connection)
        if pid < 0:
            self._tell(MADE, 0)
            return
        self._living[pid] = os.pidfd_open(pid)
        self._selector.register(self._living[pid], selectors.EVENT_READ, pid)
        self._tell(MADE, pid)

    def _be_worker(self, connection: int, memory: int, parent: int) -> NoReturn:
        """Work until whoever asks has gone; a fork never returns into what it is a fork of."""
        code = 0
        try:
            self._selector.close()
            self._control.close()
            for descriptor in self._living.values():
                os.close(descriptor)
            work(connection, memory=memory, parent=parent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # nobody waits for the answer any more
        except BaseException:  # noqa: BLE001 (whatever it is ends here)
            code = 1
            with suppress(BaseException):  # a log in a file cannot be written any longer
                traceback.print_exc()
                sys.stderr.flush()
        os._exit(code)

    def _bury(self, pid: int) -> None:
        descriptor = self._living.pop(pid)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        self._tell(ENDED, pid, os.waitstatus_to_exitcode(status))

    def _tell(self, *news: object) -> None:
        self._control.send(" ".join(str(one) for one in news).encode())


def main() -> None:
    """Serve on the socket whose number is the only argument."""
    given = int(sys.argv[1])
    # The service's own sockets are inherited: no worker may close them for everybody.
    os.closerange(3, given)
    os.closerange(given + 1, _MOST_DESCRIPTORS)
    # What a library prints goes to standard error: standard output is the service's log.
    os.dup2(2, 1)
    # pyHanko logs subjects of certificates: personal names have no place in our logs.
    logging.disable(logging.CRITICAL)
    hexstring.install()
    # What is loaded now stays for ever: the collection after each file need not look through it,
    # and its pages stay shared.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=given) as control:
        try:
            ForkServer(control).serve()
        except (BrokenPipeError, ConnectionResetError):  # whoever gives the orders has gone
            return


if __name__ == "__main__":
    main()
