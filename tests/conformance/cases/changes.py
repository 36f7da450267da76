"""What came after a signature: only signatures, time stamps and archive data may."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from tests.conformance import cms, pdf, updates
from tests.conformance.case import Case
from tests.conformance.cases import raw_updates
from tests.conformance.cases.again import Again
from tests.conformance.cases.hidden import Hidden
from tests.conformance.cases.inherited import Inherited
from tests.conformance.cases.letters import changed_letters
from tests.conformance.cases.referred import Referred
from tests.conformance.cases.shadow import Shadows
from tests.conformance.pdf import Pdf, Place
from tests.conformance.trial import paper
from tests.conformance.world import NOW, World, blank, row, rows, sealed

_FORBIDDEN: tuple[Callable[[Pdf], Pdf], ...] = (
    updates.entry_filled,
    updates.note_added,
    updates.link_added,
    updates.text_overwritten,
    updates.text_replaced,
    updates.font_replaced,
    updates.page_turned,
    updates.page_cropped,
    updates.page_added,
    updates.page_swapped,
    updates.script_added,
    updates.names_added,
    updates.layers_added,
    updates.text_field_added,
    updates.field_added,
)
_OF_SIGNATURES: tuple[Callable[[Pdf], Pdf], ...] = (
    updates.signature_removed,
    updates.field_moved,
    updates.look_changed,
)


def changes(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    made = _Made(world)
    yield from _allowed(made)
    yield from _forbidden(made)
    yield from _mixed(made)
    yield from _shadows(made)
    yield from _raw(made)
    yield from changed_letters(world)


class _Made:
    """Signed papers to change, and the rows of their signers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.led = sealed(blank(), world.leader, place=Place(field="NguoiKy"))
        self.both = self.seal(self.led)
        self.annex = sealed(blank(), world.seal)
        self._rows = rows(row(world.leader, "leader"), row(world.seal, "seal"))

    def seal(self, file: Pdf) -> Pdf:
        return sealed(file, self.world.seal, place=Place(field="CoQuan"))

    def stamp(self, file: Pdf, field: str = "DauThoiGian") -> Pdf:
        place = Place(field=field, kind=b"DocTimeStamp", subfilter="ETSI.RFC3161")
        plan = cms.StampPlan(at=NOW)
        return pdf.signed(file, lambda covered: cms.stamp(covered, self.world.tsa, plan), place)

    def archive(self, file: Pdf, *, about: bytes | None = None) -> Pdf:
        lists = [one.der for one in self.world.setting().lists]
        authorities = (self.world.issuing.der, self.world.root.der)
        return updates.archived(file, certificates=authorities, lists=lists, about=about)

    def main(self, name: str, file: Pdf) -> Case:
        return paper("changes", name, file, self._rows, self.world.setting())

    def sheet(self, name: str, file: Pdf) -> Case:
        usual = self.world.setting()
        return paper("changes", name, file, self._rows, usual, role="ANNEX")


def _allowed(made: _Made) -> Iterator[Case]:
    both, annex = made.both, made.annex
    vri = made.archive(both, about=b"chu ky")
    yield made.main("seal-after-leader", both)
    yield made.main("archive-after-seal", made.archive(both))
    yield made.main("archive-with-vri-after-seal", vri)
    yield made.main("archive-between", made.seal(made.archive(made.led)))
    yield made.main("archive-twice", made.archive(made.archive(both)))
    yield made.main("stamp-after-seal", made.stamp(both))
    yield made.main("archive-and-stamp-after-seal", made.stamp(made.archive(both)))
    yield made.main("archive-and-stamp-twice", _twice(made))
    yield made.main("stamp-between", made.seal(made.stamp(made.led)))
    yield made.sheet("archive-after-annex", made.archive(annex))
    yield made.sheet("stamp-after-annex", made.stamp(annex))
    yield made.sheet("seal-after-annex", made.seal(annex))
    yield made.sheet("changed-before-any-signature", made.seal(updates.note_added(blank())))
    yield made.sheet("filled-before-any-signature", made.seal(updates.entry_filled(blank())))


def _twice(made: _Made) -> Pdf:
    once = made.stamp(made.archive(made.both))
    return made.stamp(made.archive(once), field="DauThoiGian2")


def _forbidden(made: _Made) -> Iterator[Case]:
    for change in _FORBIDDEN:
        name = change.__name__.replace("_", "-")
        yield made.main(f"{name}-after-seal", change(made.both))
        yield made.sheet(f"{name}-after-annex", change(made.annex))
    for change in _BETWEEN:
        name = change.__name__.replace("_", "-")
        yield made.main(f"{name}-between", made.seal(change(made.led)))
    for change in _OF_SIGNATURES:
        name = change.__name__.replace("_", "-")
        yield made.main(f"{name}-after-seal", change(made.both))


_BETWEEN: Sequence[Callable[[Pdf], Pdf]] = (
    updates.entry_filled,
    updates.note_added,
    updates.text_overwritten,
    updates.font_replaced,
    updates.page_added,
    updates.script_added,
    updates.look_changed,
)


def _mixed(made: _Made) -> Iterator[Case]:
    """Allowed updates do not hide others."""
    both = made.both
    yield made.main("text-and-archive", made.archive(updates.text_overwritten(both)))
    yield made.main("archive-and-note", updates.note_added(made.archive(both)))
    yield made.main("stamp-over-a-changed-text", made.stamp(updates.text_overwritten(both)))
    yield made.main("note-after-stamp", updates.note_added(made.stamp(both)))
    yield made.main("changed-and-changed-back", _back(both))


def _shadows(made: _Made) -> Iterator[Case]:
    """What could be shown though it was never signed."""
    shadows, referred = Shadows(made.world), Referred(made.world)
    inherited, hidden = Inherited(made.world), Hidden(made.world)
    again = Again(made.world)
    of_shadows = (shadows.refused, shadows.junk, shadows.behind, shadows.allowed)
    of_others = (referred.refused, referred.allowed, inherited.refused, inherited.allowed)
    of_hidden = (hidden.refused, hidden.allowed, again.refused, again.allowed)
    for of_them in (*of_shadows, *of_others, *of_hidden):
        for name, file in of_them():
            yield made.main(name, file)


def _raw(made: _Made) -> Iterator[Case]:
    """What readers may read in several ways."""
    for of_them in (raw_updates.refused, raw_updates.allowed):
        for name, file in of_them(made.both):
            yield made.main(name, file)
    hidden = dict(raw_updates.refused(made.led))["update-hidden-page-without-root"]
    yield made.main("update-hidden-page-without-root-between", made.seal(hidden))
    stamped = made.stamp(made.both)
    behind = replace(stamped, content=stamped.content + b"khong ai ky dong nay\n")
    yield made.main("words-behind-a-stamp", behind)


def _back(file: Pdf) -> Pdf:
    return pdf.update(updates.text_overwritten(file), {pdf.TEXT: pdf.text()})
