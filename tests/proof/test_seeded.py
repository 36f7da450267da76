"""Every seeded bug is a patch that still fits; the list and the patches are the same."""

from pathlib import Path

import pytest

from tests.proof.checker import FORBIDDEN
from tests.proof.seeded import copy
from tests.proof.seeded.bugs import BUGS


@pytest.mark.parametrize("file", copy.patches(), ids=lambda file: file.stem)
def test_a_patch_applies(file: Path) -> None:
    copy.check(file)


def test_each_patch_is_tried_and_each_bug_has_one() -> None:
    assert [bug.name for bug in BUGS] == [file.stem for file in copy.patches()]


def test_bugs_show_in_counters_that_there_are() -> None:
    for bug in BUGS:
        assert bug.shows_as
        assert bug.shows_as <= {*FORBIDDEN}


def test_a_patch_that_does_not_apply_is_told(tmp_path: Path) -> None:
    stale = tmp_path / "stale.patch"
    text = copy.patches()[0].read_text(encoding="utf-8")
    stale.write_text(text.replace("published_at is null", "published is null"), encoding="utf-8")
    with pytest.raises(copy.DoesNotApply, match=r"stale\.patch"):
        copy.check(stale)
