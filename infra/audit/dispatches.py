"""One dispatch: as it was frozen, what signing judged of it, and what was told of that."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.audit.verdicts import check_verdicts, weigh
from services.docs.frozen import digest

_CLOSED = "DSP-4101"
_DONE = ("cleared", "refused", "withdrawn")


def check_dispatch(key: tuple[UUID], case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with one dispatch."""
    (id_,) = key
    where = f"dispatch {id_}"
    yield from check_verdicts(where, case, books)
    if not case["dispatch"]:
        for name in ("copy", "change"):
            if case[name]:
                yield Finding(where, f"docs has no such dispatch, but a {name} of it")
        if case["examination"] or case["verdict"]:
            yield Finding(where, "signing knows it, docs does not", passing=True)
        return
    (dispatch,) = case["dispatch"]
    where += f" ({dispatch['document_code']} of {books.name(dispatch['sender_id'])})"
    books.counted["dispatches"] += 1
    yield from _frozen(where, dispatch, case)
    yield from _examined(where, dispatch, case)
    yield from _judged(where, dispatch, case)
    yield from _copies(where, dispatch, case["copy"])
    yield from _told(where, dispatch, case)


def _frozen(where: str, dispatch: Row, case: Case) -> Iterator[Finding]:
    """Nothing that was frozen is another: signing holds the digest of all of it."""
    if len(case["copy"]) != dispatch["recipients"]:
        said = f"has {len(case['copy'])} copies for {dispatch['recipients']} recipients"
        yield Finding(where, said)
    if dispatch["turn"] is None:
        return  # known only by its entries: a restored docs has lost the rest
    if not case["document"]:
        yield Finding(where, "its document is missing")
        return
    (document,) = case["document"]
    if document["state"] != "dispatched":
        yield Finding(where, f"its document is a {document['state']} again")
    made = digest(dispatch, document, files=case["file"], copies=case["copy"])
    for one in case["examination"]:
        if not one["frozen"]:
            yield Finding(where, "signing holds no digest of it")
        elif made not in one["frozen"]:
            yield Finding(
                where, "document, files, recipients or turn are not those it was sent with"
            )


def _examined(where: str, dispatch: Row, case: Case) -> Iterator[Finding]:
    """Signing was given these files of this document, and no others."""
    wanted: dict[str, Row] = {}
    for file in sorted(dispatch["files"], key=lambda file: file["role"] == "MAIN"):
        wanted[file["sha256"]] = file
    found = {one["sha256"]: one for one in case["examination"]}
    if dispatch["turn"] is None and not found:
        return
    for sha256 in sorted(wanted.keys() - found.keys()):
        yield Finding(where, f"signing was not asked about {sha256}", passing=True)
    for sha256 in sorted(found.keys() - wanted.keys()):
        yield Finding(where, f"signing examines {sha256}, which is no file of it")
    for sha256 in sorted(found.keys() & wanted.keys()):
        file = wanted[sha256]
        said = {
            "document": dispatch["document_id"],
            "document_code": dispatch["document_code"],
            "sender": dispatch["sender_id"],
            "lane": dispatch["lane"],
            "role": file["role"],
            "size": file["size"],
            "signature_sha256": file.get("signature_sha256"),
        }
        name = f"{where}: examination of {sha256}"
        yield from differing(name, "signing against docs", said, found[sha256], said)


def _judged(where: str, dispatch: Row, case: Case) -> Iterator[Finding]:
    """The verdict follows from the judgements, the state from the verdict."""
    verdict, reasons = weigh(dispatch["files"], case["docs_verdict"], case["docs_withdrawal"])
    if dispatch["verdict"] != verdict:
        yield Finding(where, f"its verdict is {dispatch['verdict']}, its judgements say {verdict}")
    if (dispatch["verdict"] is None) != (dispatch["verdict_at"] is None):
        yield Finding(where, "has a verdict without its time, or a time without it")
    state, reason = dispatch["state"], dispatch["reason"]
    expected = {"bad": ("refused",), "withdrawn": ("withdrawn", "refused")}
    done = expected.get(verdict or "", ("cleared", "clearing", "waiting", "held"))
    # A bad verdict stops it when its turn comes.
    if state not in (*done, *(("waiting", "held") if verdict == "bad" else ())):
        yield Finding(where, f"is {state}, its verdict is {verdict}")
    if state in ("clearing", "cleared") and verdict is None and not dispatch["adopted"]:
        yield Finding(where, f"is {state} without a verdict")
    if state in ("refused", "withdrawn") and reason not in reasons:
        yield Finding(where, f"its reason is {reason}, judged was {sorted(reasons)}")
    if state not in ("refused", "withdrawn") and reason is not None:
        yield Finding(where, f"is {state} and has the reason {reason}")


def _copies(where: str, dispatch: Row, copies: Sequence[Row]) -> Iterator[Finding]:
    state = dispatch["state"]
    undecided = [one for one in copies if one["sequence"] is None and one["reason"] is None]
    numbered = [one for one in copies if one["sequence"] is not None]
    if state in _DONE and undecided:
        yield Finding(where, f"is {state}, and {len(undecided)} copies are undecided")
    if state not in _DONE and not undecided:
        yield Finding(where, f"is {state}, and no copy is undecided")
    if state in ("refused", "waiting", "held") and numbered and not dispatch["adopted"]:
        yield Finding(where, f"is {state}, and {len(numbered)} copies have numbers")
    cleared = dispatch["cleared_at"]
    if (cleared is None) != (state != "cleared") and state != "withdrawn":
        yield Finding(where, f"is {state}, cleared at {cleared}")
    if cleared is not None and any(one["cleared_at"] > cleared for one in numbered):
        yield Finding(where, "was cleared before its copies")
    for one in copies:
        yield from _copy(where, dispatch, one)


def _copy(where: str, dispatch: Row, one: Row) -> Iterator[Finding]:
    allowed = {None} if one["sequence"] is not None else {None, _CLOSED, dispatch["reason"]}
    if one["reason"] not in allowed:
        said = f"its copy to {one['recipient_code']} has the reason {one['reason']}"
        yield Finding(where, said)
    if one["successors"] and one["reason"] != _CLOSED:
        yield Finding(where, f"its copy to {one['recipient_code']} has successors")


def _told(where: str, dispatch: Row, case: Case) -> Iterator[Finding]:
    """What was told of it: kept by docs, and in the event logs of notify."""
    for one in case["change"]:
        said = {"document": dispatch["document_id"], "sender": dispatch["sender_id"]}
        yield from differing(f"{where}: change {one['change']}", "docs", said, one, said)
    ours = Counter(_words(one) for one in case["change"])
    theirs = Counter(_words(one["detail"], one["listener"]) for one in case["news"])
    for missing in sorted(ours - theirs, key=str):
        yield Finding(where, f"no event log tells of {missing[:3]}", passing=True)
    # A restored docs may have told the same twice: its own list has it once; and what it told of
    # one that it knows only by its entries is lost.
    for strange in sorted(theirs.keys() - ours.keys(), key=str):
        if dispatch["turn"] is not None:
            said = f"an event log tells of {strange[:3]}, docs does not"
            yield Finding(where, said, passing=True)
    yield from _changes(where, dispatch, case)


def _changes(where: str, dispatch: Row, case: Case) -> Iterator[Finding]:
    """Each end has been told, with its reason."""
    told = {(one["change"], one["reason"]) for one in case["change"]}
    failed = {
        one["recipient"]: one["successors"]
        for one in case["change"]
        if one["change"] == "recipient_failed"
    }
    state, reason = dispatch["state"], dispatch["reason"]
    if state in _DONE and (state, reason) not in told and not dispatch["adopted"]:
        yield Finding(where, f"is {state} ({reason}), which nobody was told")
    if state == "held" and ("held", None) not in told and not dispatch["adopted"]:
        yield Finding(where, "is held, which nobody was told")
    for one in case["copy"]:
        if one["reason"] == _CLOSED and failed.get(one["recipient_id"]) != one["successors"]:
            said = f"its copy to {one['recipient_code']} failed with other successors than was told"
            yield Finding(where, said)


def _words(change: Row, listener: UUID | None = None) -> tuple[object, ...]:
    """What was told, and to whom: of a withdrawal each recipient hears by itself."""
    docs = listener is None
    recipient = change["recipient"] if docs else change["recipient_id"]
    to = listener
    if docs:
        to = recipient if change["change"] == "withdrawn" and recipient else change["sender"]
    return (
        change["change"],
        change["reason"],
        None if recipient is None else str(recipient),
        tuple(str(one) for one in change["successors"]),
        str(to),
        str(change["document"] if docs else change["document_id"]),
    )


def check_document(key: tuple[UUID], case: Case, books: Books) -> Iterator[Finding]:
    """A document that calls itself dispatched was, and the other way round."""
    (document,) = case["document"]
    books.counted["documents"] += 1
    if (document["state"] == "dispatched") != document["sent"]:
        said = "was sent" if document["sent"] else "has no dispatch"
        yield Finding(f"document {key[0]} ({document['code']})", f"is {document['state']}, {said}")
