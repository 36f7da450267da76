"""What is taken from an authority while a worker is at a file counts for that file, too."""

from datetime import timedelta

from services.signing import informed
from services.signing.bench import LIMITS
from services.signing.examine import settle
from services.signing.pool import Worker
from services.signing.store import examinations
from tests.signing.trusting import Trusting


async def test_no_file_passes_by_a_trust_list_that_was_changed_meanwhile(idle: Trusting) -> None:
    desk, paper = idle.desk, idle.desk.papers.good_main
    dispatch = await desk.send(paper)
    worker = Worker(LIMITS, desk.forks)
    lease = timedelta(seconds=30)
    try:
        for changed, told in ((True, None), (False, "TOTAL-PASSED")):
            held = await desk.db.as_worker(
                lambda conn: examinations.claim(conn, lane="normal", after=None, lease=lease)
            )
            assert held is not None
            present = await desk.db.as_worker(desk.bench.anchor.now)
            look = await informed.look(
                worker, desk.blobs.path(paper.sha256), paper.sha256, present, read=desk.db.look
            )
            if changed:
                await idle.agree(idle.adding())
            verdict = await desk.db.as_worker(
                lambda conn, held=held, look=look: settle(conn, held, look)
            )
            assert (verdict.indication if verdict else None) == told
            assert (await desk.seen(dispatch))[0].settled == (told is not None)
    finally:
        await worker.end()
