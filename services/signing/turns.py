"""Whose file a worker takes next: agencies in turn, each with one in a worker's hands at most."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal, TypeAlias

from services.signing.pool import Worker
from services.signing.slots import GLANCE_SECONDS, MOST_BESIDE, is_slow
from shared.errors import Problem
from shared.ids import AgencyId
from shared.sizes import AT_ONCE

Work: TypeAlias = Literal["signature", "validation"]

MOST = 256
"""So many of all agencies may be under way, those that wait among them, apart for each work."""
_TOO_MANY = "REQ-4291"
_RETRY_SECONDS = 5
_OWN: dict[Work, tuple[str, str]] = {
    "signature": (
        f"Tối đa {AT_ONCE} yêu cầu ký số của một cơ quan được xử lý cùng lúc.",
        f"At most {AT_ONCE} signatures of an agency are made at the same time.",
    ),
    "validation": (
        f"Tối đa {AT_ONCE} tệp của một cơ quan được kiểm tra chữ ký số cùng lúc.",
        f"At most {AT_ONCE} files of an agency are validated at the same time.",
    ),
}
_ALL: dict[Work, tuple[str, str]] = {
    "signature": (
        f"Trục liên thông đang xử lý {MOST} yêu cầu ký số của các cơ quan, là mức tối đa.",
        f"The exchange is making {MOST} signatures of all agencies, the most at the same time.",
    ),
    "validation": (
        f"Trục liên thông đang kiểm tra chữ ký số {MOST} tệp của các cơ quan, là mức tối đa.",
        f"The exchange is validating {MOST} files of all agencies, the most at the same time.",
    ),
}
_NO_TURN = (
    "Các tệp khác đang được kiểm tra, nên chưa đến lượt tệp này: chưa có kết luận nào về nó.",
    "Other files are being looked at, and this one's turn has not come: nothing was judged of it.",
)
_Queue = deque[asyncio.Future[Worker]]


class Turns:
    """Hands out workers: an agency with many files, or slow ones, delays only itself.

    The worker that is free and comes first is taken: the others start only when needed. One whose
    look is slow goes on beside them at the lowest priority, and another takes its place.
    """

    def __init__(self, workers: tuple[Worker, ...]) -> None:
        """Begin with all workers free."""
        self.workers = workers
        self._free = list(workers)
        self._slowed: set[Worker] = set()
        self._beside: set[Worker] = set()
        self._served: set[AgencyId] = set()
        self._queues: OrderedDict[AgencyId, _Queue] = OrderedDict()
        self._under_way: dict[Work, Counter[AgencyId]] = {
            "signature": Counter(),
            "validation": Counter(),
        }

    @property
    def all_workers(self) -> tuple[Worker, ...]:
        """Return those that take turns and those beside them."""
        return (*self.workers, *self._beside)

    @property
    def waiting(self) -> int:
        """Count what waits for a worker."""
        return sum(len(queue) for queue in self._queues.values())

    @contextmanager
    def admitted(self, agency: AgencyId, work: Work) -> Generator[None]:
        """Count a piece of work in for the length of a `with`. Raises Problem REQ-4291.

        Validations keep no signature out. What is admitted waits for workers only, never for its
        client: whoever sends slowly would keep all others out.
        """
        under_way = self._under_way[work]
        full = _OWN if under_way[agency] >= AT_ONCE else _ALL
        if full is _OWN or under_way.total() >= MOST:
            vi, en = full[work]
            raise Problem(_TOO_MANY, vi=vi, en=en, retry_after=_RETRY_SECONDS)
        under_way[agency] += 1
        try:
            yield
        finally:
            under_way[agency] -= 1
            if not under_way[agency]:
                del under_way[agency]

    @asynccontextmanager
    async def of(
        self, agency: AgencyId, *, within: float | None = None, size: int = 0
    ) -> AsyncGenerator[Worker]:
        """Wait for the agency's turn and hold a worker for the length of a `with`.

        `size`: bytes of the file that it is held for, which is not slow for its size.

        Raises Problem REQ-4291 when its turn does not come `within` so many seconds; None: it waits
        for as long as it takes.
        """
        mine: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(agency, deque()).append(mine)
        self._hand_out()
        try:
            async with asyncio.timeout(within):
                worker = await self._turn(agency, mine)
        except TimeoutError:
            vi, en = _NO_TURN
            raise Problem(_TOO_MANY, vi=vi, en=en, retry_after=_RETRY_SECONDS) from None
        try:
            with self._watched(worker, size):
                yield worker
        finally:
            self._take_back(agency, worker)
            if worker in self._slowed:
                self._slowed.discard(worker)
                await worker.recover()  # before whoever takes it next runs

    @contextmanager
    def _watched(self, worker: Worker, size: int) -> Generator[None]:
        """Look every now and then whether a worker is slow, for the length of a `with`."""
        loop = asyncio.get_running_loop()

        def glance() -> None:
            nonlocal next_one
            if not self._is_beside(worker, size):
                next_one = loop.call_later(GLANCE_SECONDS, glance)

        next_one = loop.call_later(GLANCE_SECONDS, glance)
        try:
            yield
        finally:
            next_one.cancel()

    def _is_beside(self, worker: Worker, size: int) -> bool:
        """Slow a worker down whose look is slow, and put another in its place if there is room."""
        if worker not in self._slowed:
            if not is_slow(worker, size):
                return False
            worker.slow_down()
            self._slowed.add(worker)
        if len(self._beside) >= MOST_BESIDE:
            return False
        self._beside.add(worker)
        fresh = worker.another()
        self.workers = tuple(fresh if one is worker else one for one in self.workers)
        self._free.append(fresh)
        self._hand_out()
        return True

    async def _turn(self, agency: AgencyId, mine: asyncio.Future[Worker]) -> Worker:
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._take_back(agency, mine.result())  # handed out and cancelled at once
            else:
                self._leave(agency, mine)
            raise

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
        if worker in self._beside:
            self._beside.discard(worker)  # another has its place
        else:
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
