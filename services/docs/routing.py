"""Who receives a dispatch: agencies named one by one and by selection, merged; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from services.docs.document import Named, RecipientChoice, Selection
from shared.errors import Fault, Problem
from shared.ids import AgencyId

MOST_RECIPIENTS = 5_000
MOST_SELECTIONS = 50
"""Each is a search of its own through the directory."""
MOST_FAULTS = 100
"""How many wrong recipients one answer names."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """What the directory says of a possible recipient."""

    id: AgencyId
    code: str
    level: str
    state: str
    successors: tuple[str, ...] = ()
    """Present codes of those that took over from a closed agency."""


@dataclass(frozen=True, slots=True)
class Routing:
    """The frozen recipients, each once, by code; and whom a selection left out."""

    recipients: tuple[Addressee, ...]
    suspended: tuple[Addressee, ...]


Found: TypeAlias = Sequence[Addressee] | None
"""What one choice names in the directory; None when its code is unknown."""


def check_selections(choices: Sequence[RecipientChoice]) -> None:
    """Raise Problem REQ-4221 for more than 50 selections."""
    places = [n for n, choice in enumerate(choices) if isinstance(choice, Selection)]
    if len(places) > MOST_SELECTIONS:
        vi = f"Tối đa {MOST_SELECTIONS} phép chọn (select); ở đây có {len(places)}."
        en = f"At most {MOST_SELECTIONS} selections (select); here are {len(places)}."
        pointer = f"/recipients/{places[MOST_SELECTIONS]}/select"
        raise Problem("REQ-4221", faults=[Fault(pointer, vi, en)])


def resolve(
    choices: Sequence[RecipientChoice], found: Sequence[Found], *, sender: AgencyId
) -> Routing:
    """Merge what was found for each choice into the recipients of one dispatch.

    A selection drops the sender, what is closed and (told to the sender) what is suspended.
    Raises Problem with the faults (at most 100) at once: an agency that is unknown, closed (with
    `successors`), suspended or named twice; nobody at all; more than 5,000.
    """
    pairs = list(zip(choices, found, strict=True))
    if faults := list(islice(_faults(pairs), MOST_FAULTS)):
        successors = sorted({code for faulty in faults for code in faulty.successors})
        extra: dict[str, Any] = {"successors": successors} if successors else {}
        raise Problem(
            min(one.code for one in faults), faults=[one.fault for one in faults], **extra
        )
    named = {
        one.id: one for choice, those in pairs if isinstance(choice, Named) for one in those or ()
    }
    selected = {
        one.id: one
        for choice, those in pairs
        if isinstance(choice, Selection)
        for one in those or ()
        if one.id != sender and one.id not in named
    }
    active = [*named.values(), *(one for one in selected.values() if one.state == "active")]
    if not active:
        raise Problem("DSP-4225", faults=[Fault("/recipients", "Chưa có nơi nhận.", "Nobody.")])
    if len(active) > MOST_RECIPIENTS:
        raise Problem("DSP-4226", count=len(active), most=MOST_RECIPIENTS)
    return Routing(
        recipients=tuple(sorted(active, key=lambda one: one.code)),
        suspended=tuple(one for one in selected.values() if one.state == "suspended"),
    )


@dataclass(frozen=True, slots=True)
class _Faulty:
    code: str
    fault: Fault
    successors: tuple[str, ...] = ()


def _faults(pairs: Sequence[tuple[RecipientChoice, Found]]) -> Iterator[_Faulty]:
    first: dict[AgencyId, int] = {}
    for index, (choice, those) in enumerate(pairs):
        if isinstance(choice, Selection):
            if those is None:
                yield _unknown(f"/recipients/{index}/select/under", choice.under or "")
            continue
        pointer = f"/recipients/{index}/agency"
        if not those:
            yield _unknown(pointer, choice.agency)
            continue
        [agency] = those
        before = first.setdefault(agency.id, index)
        if before != index:
            vi = f"{choice.agency} đã được nêu ở /recipients/{before}."
            en = f"{choice.agency} was named at /recipients/{before} before."
            yield _Faulty("DSP-4224", Fault(pointer, vi, en))
        elif agency.state == "suspended":
            vi = f"{agency.code} đang tạm ngừng liên thông."
            yield _Faulty("DSP-4223", Fault(pointer, vi, f"{agency.code} is suspended."))
        elif agency.state != "active":
            yield _closed(pointer, agency)


def _unknown(pointer: str, code: str) -> _Faulty:
    vi, en = f"Không có cơ quan mang mã {code}.", f"No agency has the code {code}."
    return _Faulty("DSP-4222", Fault(pointer, vi, en))


def _closed(pointer: str, agency: Addressee) -> _Faulty:
    heirs = ", ".join(agency.successors)
    vi = f"{agency.code} đã chấm dứt hoạt động" + (f"; kế thừa: {heirs}." if heirs else ".")
    en = f"{agency.code} was closed" + (f"; successors: {heirs}." if heirs else ".")
    return _Faulty("DSP-4221", Fault(pointer, vi, en), agency.successors)
