"""Changed letters by every route that takes one: each is answered, ends, and none passes."""

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Mapping

from tests.proof.fuzz.crowd import counted
from tests.proof.fuzz.doors import SENDER, Doors, ask_json
from tests.proof.fuzz.odd_pdfs import mutated
from tests.proof.fuzz.prepare import form_of
from tests.proof.fuzz.tally import Shot, Tally
from tests.proof.fuzz.wire import Line, request
from tests.proof.harness import Json

_ENDS_S = 240
_OPEN = frozenset({"waiting", "held", "clearing"})
_OK, _MADE, _TAKEN = 200, 201, 202
_JUDGED_S = 35.0
"""How long a judgement may take: 15 s for its turn, 12 s for its looks (decision 93), its file."""
_PDF = {"Content-Type": "application/pdf"}
_TOO_MANY = 429


async def papers(doors: Doors, tally: Tally, pdf: bytes, dice: random.Random, count: int) -> None:
    """Hand in `count` changed letters by each route for them; follow those sent to the end."""
    sent: dict[str, tuple[str, Shot]] = {}
    line = Line(doors.addresses["gateway"])
    for number, (way, content) in enumerate(mutated(pdf, dice, count)):
        headers, body = form_of(str(number + 1), content)
        headers |= {"Idempotency-Key": f"{dice.getrandbits(128):032x}"}
        shot = _shot(doors, way, "POST /v1/documents?dispatch=true", headers, body)
        reply = await counted(tally, line, shot)
        if reply is not None and reply.status == _TAKEN:
            sent[json.loads(reply.body)["dispatch"]["id"]] = way, shot
        await _uploaded(doors, tally, line, way, content)
        await _asked_about(doors, tally, line, way, content)
    line.close()
    await _follow(doors, tally, sent)


def _shot(doors: Doors, way: str, label: str, headers: Mapping[str, str], body: bytes) -> Shot:
    method, target = label.split(" ", 1)
    raw = request(method, target, {**doors.bearer(SENDER), **headers}, body)
    return Shot("pdf", f"{way}, {label[:24]}", "gateway", raw, SENDER)


async def _uploaded(doors: Doors, tally: Tally, line: Line, way: str, content: bytes) -> None:
    """Announce it as a file of the draft, put its bytes there, and take it away again."""
    place = f"/v1/documents/{doors.places['document_id']}/attachments"
    digest = hashlib.sha256(content).hexdigest()
    announced = {"name": "a.pdf", "media_type": _PDF["Content-Type"], "role": "ANNEX"}
    announced |= {"size": len(content), "sha256": digest}
    made = await ask_json(doors, SENDER, f"POST {place}", announced)
    if made.status != _MADE:
        tally.broken("pdf", f"{way}: announced, and answered {made.status}: {made.body[:200]!r}")
        return
    file = f"{place}/{json.loads(made.body)['id']}"
    await counted(tally, line, _shot(doors, way, f"PUT {file}/content", _PDF, content))
    await ask_json(doors, SENDER, f"DELETE {file}")


async def _asked_about(doors: Doors, tally: Tally, line: Line, way: str, content: bytes) -> None:
    """Ask what its signatures are worth: whatever is changed, not what they were."""
    headers = {**_PDF, "Idempotency-Key": hashlib.sha256(content).hexdigest()[:32]}
    shot = _shot(doors, way, "POST /v1/validations", headers, content)
    reply = await counted(tally, line, shot, _JUDGED_S)
    if reply is not None and reply.status == _OK:
        judge_word(tally, shot, json.loads(reply.body))


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


def judge_word(tally: Tally, shot: Shot, told: Json) -> None:
    """Count a changed letter whose signatures are said to hold, and keep it."""
    if told["indication"] == "TOTAL-PASSED":
        tally.broken("pdf", f"{shot.name}: said to be TOTAL-PASSED")
        tally.keep(shot, "passed")


def judge(tally: Tally, shot: Shot, told: Json) -> None:
    """Count a changed letter that has ended otherwise than refused, and keep it."""
    if told["state"] != "refused":
        said = f"ended as {told['state']}: {told['verdicts']}"
        tally.broken("pdf", f"{shot.name}: {said}")
        tally.keep(shot, said)
