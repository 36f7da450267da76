"""What differs from a good file: from it a case is made in each form that it makes sense in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.signing.certificate import Registered
from tests.conformance import cms, pdf
from tests.conformance.case import Case, Dimension, Form, Role
from tests.conformance.pki import Holder
from tests.conformance.world import CONTENT, NOW, SENDER, Setting, blank, row, rows, sealed

BOTH: tuple[Form, ...] = ("pdf", "detached")
PDF: tuple[Form, ...] = ("pdf",)
DETACHED: tuple[Form, ...] = ("detached",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A file with one seal, and what it is judged by."""

    name: str
    by: Holder
    setting: Setting
    recipe: cms.Recipe = cms.PLAIN
    place: pdf.Place = pdf.USUAL
    at: datetime = NOW
    registered: Mapping[str, Registered] | None = None
    """None: the signer, as the sender's seal."""
    role: Role = "ANNEX"
    forms: tuple[Form, ...] = BOTH
    content: bytes = CONTENT
    """What a detached signature is over."""
    shown: bytes | None = None
    """What is handed in instead of it."""


def cases(dimension: Dimension, trials: Iterable[Trial]) -> Iterator[Case]:
    """Yield the cases of trials, one for each form."""
    for trial in trials:
        for form in trial.forms:
            yield _case(dimension, trial, form)


def _case(dimension: Dimension, trial: Trial, form: Form) -> Case:
    registered = rows(row(trial.by, "seal")) if trial.registered is None else trial.registered
    setting, role, at = trial.setting, trial.role, trial.at
    if form == "pdf":
        file = sealed(blank(), trial.by, trial.recipe, trial.place)
        return paper(dimension, trial.name, file, registered, setting, role=role, at=at)
    file = cms.signature(trial.content, trial.by, trial.recipe)
    content = trial.content if trial.shown is None else trial.shown
    made = paper(dimension, trial.name, file, registered, setting, role=role, at=at)
    return replace(made, name=f"{dimension}.{trial.name}.detached", form=form, content=content)


def paper(
    dimension: Dimension,
    name: str,
    file: pdf.Pdf | bytes,
    registered: Mapping[str, Registered],
    setting: Setting,
    *,
    role: Role = "MAIN",
    at: datetime = NOW,
) -> Case:
    """Return the case of a PDF that was made already."""
    return Case(
        name=f"{dimension}.{name}.pdf",
        dimension=dimension,
        form="pdf",
        file=file if isinstance(file, bytes) else file.content,
        content=None,
        at=at,
        authorities=setting.authorities,
        lists=setting.lists,
        answers=setting.answers,
        registered=registered,
        role=role,
        sender=SENDER,
    )
