"""Whose file a worker takes next: agencies in turn, each with one in a worker's hands at most."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from services.signing.pool import Worker
from shared.errors import Problem
from shared.ids import AgencyId

MOST_EACH = 16
"""So many activations of one agency may be under way, those that wait among them."""
MOST = 256
"""So many of all agencies: what waits holds a connection, not a file."""
_TOO_MANY = "REQ-4291"
_RETRY_SECONDS = 5
_Queue = deque[asyncio.Future[Worker]]


class Turns:
    """Hands out workers: an agency with many files, or slow ones, delays only itself.

    The worker that is free and comes first is taken: the others start only when needed.
    """

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        """Begin with all workers free."""
        self.workers = workers
        self._free = list(workers)
        self._served: set[AgencyId] = set()
        self._queues: OrderedDict[AgencyId, _Queue] = OrderedDict()
        self._under_way: dict[AgencyId, int] = {}

    @property
    def waiting(self) -> int:
        """Count what waits for a worker."""
        return sum(len(queue) for queue in self._queues.values())

    @contextmanager
    def admitted(self, agency: AgencyId) -> Generator[None]:
        """Count an activation in for the length of a `with`. Raises Problem REQ-4291."""
        mine = self._under_way.get(agency, 0)
        if mine >= MOST_EACH or sum(self._under_way.values()) >= MOST:
            vi = f"Tối đa {MOST_EACH} yêu cầu ký số của một cơ quan được xử lý cùng lúc."
            en = f"At most {MOST_EACH} signatures of an agency are made at the same time."
            raise Problem(_TOO_MANY, vi=vi, en=en, retry_after=_RETRY_SECONDS)
        self._under_way[agency] = mine + 1
        try:
            yield
        finally:
            self._under_way[agency] -= 1
            if not self._under_way[agency]:
                del self._under_way[agency]

    @asynccontextmanager
    async def of(self, agency: AgencyId) -> AsyncGenerator[Worker]:
        """Wait for the agency's turn and hold a worker for the length of a `with`."""
        mine: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(agency, deque()).append(mine)
        self._hand_out()
        try:
            worker = await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._take_back(agency, mine.result())  # handed out and cancelled at once
            else:
                self._leave(agency, mine)
            raise
        try:
            yield worker
        finally:
            self._take_back(agency, worker)

    def _hand_out(self) -> None:
        """Give free workers to the agencies that have waited longest and have none."""
        for agency in list(self._queues):
            if not self._free:
                return
            if agency in self._served:
                continue
            first = self._queues[agency].popleft()
            self._forget_empty(agency)
            if first.cancelled():  # its task has not run since
                continue
            self._served.add(agency)
            self._free.sort(key=self.workers.index)
            first.set_result(self._free.pop(0))

    def _take_back(self, agency: AgencyId, worker: Worker) -> None:
        self._served.discard(agency)
        if agency in self._queues:
            self._queues.move_to_end(agency)  # behind all that wait
        self._free.append(worker)
        self._hand_out()

    def _leave(self, agency: AgencyId, mine: asyncio.Future[Worker]) -> None:
        if mine in self._queues.get(agency, ()):
            self._queues[agency].remove(mine)
            self._forget_empty(agency)
        self._hand_out()

    def _forget_empty(self, agency: AgencyId) -> None:
        if not self._queues[agency]:
            del self._queues[agency]
