"""Verdicts: signing's evidence against the digest that docs keeps, file by file."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, Row, differing
from infra.audit.materials import named

_DEFAULT = "DSP-4091"
"""Reason of a refusal for which signing gave none."""
_BOTH = ("indication", "reason", "judged_at", "evidence_sha256")


def weigh(
    files: Sequence[Row], judged: Sequence[Row], withdrawn: Sequence[Row]
) -> tuple[str | None, set[str]]:
    """Return what judgements come to (withdrawn > bad > good > none yet), and why it may be so."""
    wanted = {file["sha256"] for file in files}
    bad = [one for one in judged if one["indication"] == "TOTAL-FAILED" and one["sha256"] in wanted]
    # A restored signing may have judged again for another reason than the one that was acted on.
    reasons = {one[name] or _DEFAULT for one in bad for name in ("reason", "told_reason")}
    if withdrawn:
        return "withdrawn", {one["reason"] for one in withdrawn} | reasons
    if bad:
        return "bad", reasons
    good = {one["sha256"] for one in judged if one["indication"] == "TOTAL-PASSED"}
    return ("good" if wanted and wanted <= good else None), set()


def check_verdicts(where: str, case: Case, books: Books) -> Iterator[Finding]:
    """Yield what is wrong with the verdicts of one dispatch, on both sides."""
    books.counted["verdicts"] += len(case["verdict"])
    ours, theirs = (
        {(one["sha256"], one["judgement"], one["indication"]): one for one in case[name]}
        for name in ("docs_verdict", "verdict")
    )
    for key in sorted(ours.keys() | theirs.keys()):
        name = f"{where}: verdict {key[1]} on {key[0]}"
        if key not in ours or key not in theirs:
            absent = "docs" if key not in ours else "signing"
            yield Finding(name, f"is not at {absent}", passing=True)
        else:
            yield from differing(name, "docs against signing", theirs[key], ours[key], _BOTH)
    for verdict in case["verdict"]:
        name = f"{where}: verdict {verdict['judgement']} on {verdict['sha256']}"
        yield from _evidence(name, verdict, books)
    yield from _last(where, case)
    yield from _resting(where, case)
    yield from _withdrawals(where, case)


def _evidence(where: str, verdict: Row, books: Books) -> Iterator[Finding]:
    """The evidence has its digest, and says what the row says."""
    made = hashlib.sha256(verdict["evidence"]).hexdigest()
    if made != verdict["evidence_sha256"]:
        yield Finding(where, f"its evidence has the digest {made}, told was another")
        return
    try:
        content: dict[str, Any] = json.loads(verdict["evidence"])
        said = {
            "dispatch": content["subject"]["dispatch_id"],
            "sha256": content["subject"]["sha256"],
            "sender": content["subject"]["sender_id"],
            "indication": content["verdict"]["indication"],
            "reason": content["verdict"]["reason"],
        }
        judged: list[dict[str, Any]] = (
            content["finding"]["signatures"] if content["finding"] else []
        )
        rows = content["registered"]
        needed, proofs = _needed(judged), _proofs(judged) | _stamped(judged, rows)
        rests = sorted(one["sha256"] for one in rows if one["sha256"] in needed)
        if content["material"] is not None:
            books.materials |= named(content["material"])
            if content["material"]["signature"] != verdict["signature"]:
                yield Finding(where, "was made of another detached seal than signing was given")
    except (ValueError, LookupError, TypeError) as error:
        yield Finding(where, f"its evidence cannot be read: {error!r}")
        return
    found = {name: verdict[name] for name in said}
    found |= {"dispatch": str(verdict["dispatch"]), "sender": str(verdict["sender"])}
    yield from differing(where, "row against evidence", said, found, said)
    expected = rests if said["indication"] == "TOTAL-PASSED" else []
    if verdict["certificates"] != expected:
        yield Finding(where, "does not rest on the certificates that its evidence names")
    elif [*zip(verdict["proved"], verdict["proved_by"], strict=True)] != [
        proofs.get(one, (None, "")) for one in expected
    ]:
        yield Finding(where, "is proved by other time stamps than its evidence names")


def _needed(signatures: Sequence[Mapping[str, Any]]) -> set[str]:
    """Without which there would be no verdict: time stamps' where a signature leans on them."""
    found: set[str] = set()
    for one in signatures:
        found |= {one["certificate"], *one["chain"]}
        stamp = _first(one)
        if one.get("leans") and stamp is not None:  # evidence of before says nothing of it
            found |= set(stamp["chain"])
    return found


def _first(signature: Mapping[str, Any]) -> Mapping[str, Any] | None:
    good = [stamp for stamp in signature["stamps"] if stamp["made_at"]]
    return min(good, key=lambda stamp: datetime.fromisoformat(stamp["made_at"]), default=None)


def _proofs(signatures: Sequence[Mapping[str, Any]]) -> dict[str, tuple[datetime, str]]:
    """Until when each signer is proved and by whom: the last first stamp, if each has one."""
    found: dict[str, list[Mapping[str, Any] | None]] = {}
    for one in signatures:
        found.setdefault(one["certificate"], []).append(_first(one))
    proofs: dict[str, tuple[datetime, str]] = {}
    for name, stamps in found.items():
        good = [stamp for stamp in stamps if stamp is not None]
        if len(good) == len(stamps):
            at = max(datetime.fromisoformat(stamp["made_at"]) for stamp in good)
            by = {one for stamp in good for one in stamp.get("chain", ())}
            proofs[name] = at, " ".join(sorted(by))
    return proofs


def _stamped(
    signatures: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[datetime, str]]:
    """Until when each registered unit that signatures lean on stamped, by its own word.

    Software that did not know of units left that out, and of rows whether they are retired.
    """
    units = {row["sha256"] for row in rows if row.get("kind") == "timestamp" and "retired" in row}
    found: dict[str, tuple[datetime, str]] = {}
    for one in signatures:
        stamp = _first(one)
        if not one.get("leans") or stamp is None or not stamp.get("chain"):
            continue
        unit, made = stamp["chain"][-1], datetime.fromisoformat(stamp["made_at"])
        if unit in units:
            found[unit] = max(made, found[unit][0] if unit in found else made), ""
    return found


def _last(where: str, case: Case) -> Iterator[Finding]:
    """What signing shows of a file is its last verdict."""
    last = {one["sha256"]: one for one in case["verdict"]}
    for one in case["examination"]:
        name = f"{where}: examination of {one['sha256']}"
        verdict = last.get(one["sha256"])
        if verdict is None:
            if one["judgement"] or one["indication"] is not None:
                yield Finding(name, "has a judgement without its verdict")
            continue
        columns = ("judgement", *_BOTH)
        yield from differing(name, "examination against verdict", verdict, one, columns)
        if one["settled"] != (one["indication"] != "INDETERMINATE"):
            yield Finding(name, f"is {'' if one['settled'] else 'not '}settled")
    for sha256 in sorted(last.keys() - {one["sha256"] for one in case["examination"]}):
        yield Finding(f"{where}: verdict on {sha256}", "has no examination")


def _resting(where: str, case: Case) -> Iterator[Finding]:
    known = {(one["sha256"], one["judgement"]) for one in case["verdict"]}
    for one in case["resting"]:
        if (one["sha256"], one["judgement"]) not in known:
            said = f"verdict {one['judgement']} on {one['sha256']} rests on a certificate"
            yield Finding(where, f"{said}, and is missing")


def _withdrawals(where: str, case: Case) -> Iterator[Finding]:
    docs, signing = case["docs_withdrawal"], case["withdrawal"]
    # Docs withdraws by itself what was judged bad after numbers were given.
    bad = any(verdict["indication"] == "TOTAL-FAILED" for verdict in case["docs_verdict"])
    own = bad and any(one["judgement"] == 0 for one in docs)
    if docs and not signing and not own:
        yield Finding(where, "docs knows it as withdrawn, signing does not", passing=True)
    for one in signing:
        if not docs:
            yield Finding(where, "its withdrawal is not at docs", passing=True)
        elif not own:
            yield from differing(
                f"{where}: withdrawal", "docs", one, docs[0], ("judgement", "reason")
            )
        yield from _withdrawn(f"{where}: withdrawal", one, case)


def _withdrawn(where: str, one: Row, case: Case) -> Iterator[Finding]:
    rests = {(row["judgement"], row["certificate"]) for row in case["resting"]}
    if (one["judgement"], one["certificate"]) not in rests:
        yield Finding(where, "no verdict of it rests on that certificate")
    if one["state"] == "good":
        yield Finding(where, "its certificate is good")
    for row in case["examination"][:1]:
        yield from differing(where, "against examination", row, one, ("document", "sender"))
