"""Changed letters through the real upload and dispatch: each ends, and none is cleared."""

import asyncio
import json
import random
import time
from collections import Counter

from tests.proof.fuzz.doors import SENDER, Doors, ask_json
from tests.proof.fuzz.odd_pdfs import mutated
from tests.proof.fuzz.prepare import form_of
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import Cut, Hang, Line, request
from tests.proof.harness import Json

_ENDS_S = 240
_OPEN = frozenset({"waiting", "held", "clearing"})
_TAKEN = 202
_TOO_MANY = 429


async def papers(doors: Doors, tally: Tally, pdf: bytes, dice: random.Random, count: int) -> None:
    """Hand in `count` changed letters to be sent at once, then follow each to its end."""
    sent: dict[str, tuple[str, Shot]] = {}
    line = Line(doors.addresses["gateway"])
    for number, (way, content) in enumerate(mutated(pdf, dice, count)):
        headers, body = form_of(str(number + 1), content)
        key = {"Idempotency-Key": f"{dice.getrandbits(128):032x}"}
        raw = request(
            "POST", "/v1/documents?dispatch=true", {**doors.bearer(SENDER), **headers, **key}, body
        )
        shot = Shot("pdf", way, "gateway", raw, SENDER)
        try:
            reply = await line.ask(raw)
        except Cut:
            tally.ended(shot)
            continue
        except Hang as hang:
            tally.hung(shot, str(hang))
            continue
        tally.answered(shot, reply)
        if reply.status == _TAKEN:
            sent[json.loads(reply.body)["dispatch"]["id"]] = way, shot
    line.close()
    await _follow(doors, tally, sent)


async def _follow(doors: Doors, tally: Tally, sent: dict[str, tuple[str, Shot]]) -> None:
    states: Counter[str] = Counter()
    left, end, began = dict(sent), time.monotonic() + _ENDS_S, time.monotonic()
    while left and time.monotonic() < end:
        for dispatch_id, (way, shot) in list(left.items()):
            reply = await ask_json(doors, SENDER, f"GET /v1/dispatches/{dispatch_id}")
            tally.answered(Shot("pdf", "follow", "gateway", b"", SENDER), reply)
            if reply.status == _TOO_MANY:
                continue
            told = json.loads(reply.body)
            if told["state"] in _OPEN:
                continue
            del left[dispatch_id]
            states[f"{way}:{told['state']}"] += 1
            judge(tally, shot, told)
        await asyncio.sleep(1)
    for way, shot in left.values():
        tally.broken("pdf", f"{way}: no end after {_ENDS_S} s")
        tally.keep(shot, "stuck")
    told = " ".join(f"{name}×{count}" for name, count in sorted(states.items()))
    print(f"  {len(sent)} taken, ended in {time.monotonic() - began:.0f} s: {told}", flush=True)


def judge(tally: Tally, shot: Shot, told: Json) -> None:
    """Count a changed letter that has ended otherwise than refused, and keep it."""
    if told["state"] != "refused":
        said = f"ended as {told['state']}: {told['verdicts']}"
        tally.broken("pdf", f"{shot.name}: {said}")
        tally.keep(shot, said)
