"""Every seeded bug is a patch that still fits; the list and the patches are the same."""

from pathlib import Path

import pytest

from tests.proof.checker import FORBIDDEN, Counts
from tests.proof.seeded import copy
from tests.proof.seeded.__main__ import main
from tests.proof.seeded.bugs import BUGS, CONTROL


@pytest.mark.parametrize("file", copy.patches(), ids=lambda file: file.stem)
def test_a_patch_applies(file: Path) -> None:
    copy.check(file)


def test_each_patch_is_tried_and_each_bug_has_one() -> None:
    assert [bug.name for bug in BUGS] == [file.stem for file in copy.patches()]


def test_bugs_show_in_counters_that_there_are() -> None:
    for bug in BUGS:
        assert bug.shows_as
        assert bug.shows_as <= {*FORBIDDEN} - {"stuck"}


def test_a_bug_is_caught_by_its_own_counters_alone() -> None:
    bug = next(bug for bug in BUGS if bug.name == "06-offset-before-effect")
    assert bug.word(shown=bug.shown(Counts(unreceipted=21, stuck=1))) == "caught"
    assert bug.word(shown=bug.shown(Counts(stuck=1))) == "NOT CAUGHT"


@pytest.mark.parametrize("counts", [Counts(stuck=1), Counts(held=1), Counts(lost=1)])
def test_the_control_has_to_be_clean(counts: Counts) -> None:
    assert CONTROL.name not in {bug.name for bug in BUGS}
    assert CONTROL.word(shown=CONTROL.shown(Counts(docs=300))) == "clean"
    assert CONTROL.word(shown=CONTROL.shown(counts)) == "NOT CLEAN"


def test_a_patch_that_does_not_apply_is_told(tmp_path: Path) -> None:
    stale = tmp_path / "stale.patch"
    text = copy.patches()[0].read_text(encoding="utf-8")
    stale.write_text(text.replace("published_at is null", "published is null"), encoding="utf-8")
    with pytest.raises(copy.DoesNotApply, match=r"stale\.patch"):
        copy.check(stale)


def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["06-offset-before-effects"]) == 2
    assert "no such bug: 06-offset-before-effects; there are" in capsys.readouterr().out
