"""Why a rule is not met, in words that an official understands: found, meaning, what to do.

The words are data (`words.toml`): by rule, finer by sub-indication or problem code.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.signing.finding import UNKNOWN_AGENCY
from services.signing.report.wording import day, moment, shown
from shared.errors import problem_types

_PARTS = ("found", "means", "advice")
_DETAILS = (
    re.compile(r"^\w+ since (?P<since>\d{4}-\d\d-\d\dT[\d:]+Z)$"),
    re.compile(r"^valid (?P<begins>\d{4}-\d\d-\d\d) to (?P<ends>\d{4}-\d\d-\d\d)$"),
    re.compile(r"^(?P<what>[\w .-]{1,60}) only until (?P<until>\d{4}-\d\d-\d\d)$"),
    re.compile(
        r"^the newest list of [a-z0-9-]+ is of (?P<issued>\d{4}-\d\d-\d\dT[\d:]+Z)(, for .+)?$"
    ),
)
"""What the engine's details say beside the rule itself (`validation/moment.py`); `for`: how long a
file was waited with before it was given up."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not as it must be."""

    found: str
    means: str
    advice: str


def reason(rule: str | None, code: str | None, sub_indication: str | None, detail: str) -> Reason:
    """Return in words why a rule was not met; what is unknown is said with the problem's words."""
    entry = words().get(rule or "", {})
    apart = "UNKNOWN_AGENCY" if detail.startswith(UNKNOWN_AGENCY) else None
    finer = (entry.get(name or "") for name in (sub_indication, code, apart) if name not in _PARTS)
    said: dict[str, str] = {}
    for layer in (_problem(code), entry, *finer):
        said.update({part: layer[part] for part in _PARTS if part in (layer or ())})
    facts = _particulars(detail)
    return Reason(*(_filled(said[part], facts) for part in _PARTS))


def cause(detail: str) -> str:
    """Return in words why a time stamp proves nothing, of which the engine's detail alone tells."""
    for form, text in _causes():
        if form.fullmatch(detail.removeprefix("time stamp: ")):
            return _filled(text, _particulars(detail))
    why = "có điều không đạt mà báo cáo này chưa có lời giải thích riêng"
    return f"{why} (chi tiết kỹ thuật: {shown(detail)})" if detail else why


@cache
def _causes() -> tuple[tuple[re.Pattern[str], str], ...]:
    page = Path(__file__).with_name("stamps.toml")
    read = tomllib.loads(page.read_text(encoding="utf-8"))
    return tuple((re.compile(one["said"]), one["words"]) for one in read["cause"])


@cache
def words() -> dict[str, Any]:
    """Return the words by rule and by problem code."""
    page = Path(__file__).with_name("words.toml")
    return tomllib.loads(page.read_text(encoding="utf-8"))


def _problem(code: str | None) -> dict[str, str]:
    """Return what the table of problems says, which the answers of the exchange say too."""
    row = problem_types().get(code or "")
    if row is None:
        return dict(words()["other"])
    own = words().get(row.code, words()["other"])
    return {"found": f"{row.title}.", "means": own["means"], "advice": row.hint}


def _filled(text: str, facts: Mapping[str, str]) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _particulars(detail: str) -> dict[str, str]:
    """Return what of the engine's detail is put into the words, each with its own preposition."""
    facts = {"since": "", "period": "", "what": "", "issued": ""}
    for form in _DETAILS:
        match = form.match(detail)
        if match is None:
            continue
        found = match.groupdict()
        if "since" in found:
            facts["since"] = f" từ {moment(found['since'])}"
        elif "begins" in found:
            facts["period"] = f" (có hạn từ {day(found['begins'])} đến {day(found['ends'])})"
        elif "what" in found:
            what, until = shown(found["what"]), day(found["until"])
            facts["what"] = f" ({what}, không được dùng từ {until})"
        else:
            facts["issued"] = f", cấp lúc {moment(found['issued'])},"
        break
    return facts
