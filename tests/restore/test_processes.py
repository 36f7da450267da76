"""Who runs while a database is set back: nobody of its service, and everybody afterwards."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from infra.restore.processes import ended
from infra.stack.folder import Folder
from infra.stack.trouble import Trouble
from tests.restore.supervised import Supervised, supervised


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Supervised]:
    """Two processes of docs and one of notify."""
    async with supervised(Folder(tmp_path), "docs", "docs-2", "notify") as made:
        yield made


async def test_all_of_a_service_are_down_meanwhile_and_run_again(site: Supervised):
    async with ended(site.folder, "docs"):
        assert site.running == {"docs": False, "docs-2": False, "notify": True}
    assert all(site.running.values())


async def test_one_that_is_begun_meanwhile_is_ended_before_any_is_started(site: Supervised):
    async with ended(site.folder, "docs"):
        site.running["docs-3"] = site.running["docs"] = True
        site.asked.clear()
    kills = [site.asked.index(("kill", name)) for name in ("docs", "docs-3")]
    assert max(kills) < min(n for n, (do, _) in enumerate(site.asked) if do == "start")
    assert all(site.running.values())


async def test_one_that_has_gone_for_good_is_not_started(site: Supervised):
    async with ended(site.folder, "docs"):
        del site.running["docs-2"]
    assert site.running == {"docs": True, "notify": True}


async def test_one_that_does_not_come_up_leaves_no_other_down(site: Supervised):
    site.broken.add("docs")
    with pytest.raises(Trouble, match="does not run again: docs: docs is not ready"):
        async with ended(site.folder, "docs"):
            pass
    assert site.running["docs-2"]


async def test_what_went_wrong_first_is_what_is_told(
    site: Supervised, capsys: pytest.CaptureFixture[str]
):
    site.broken.add("docs")
    with pytest.raises(Trouble, match="connections do not end"):
        async with ended(site.folder, "docs"):
            raise Trouble("connections do not end", "try again")
    assert site.running["docs-2"]
    assert "docs does not run again: docs is not ready" in capsys.readouterr().out
