"""An export is of no later moment than it is looked at, whatever the machine's clock says."""

from datetime import UTC, datetime, timedelta

import pytest

from services.signing import export
from services.signing.keys import Authorities
from shared.errors import Problem
from tests.fixtures.papers import Papers
from tests.signing.test_trustlist import add, own_list


def test_an_export_of_a_later_moment_is_refused_by_the_moment_that_is_given(
    papers: Papers,
) -> None:
    authorities = Authorities(papers.office.folder)
    ours = own_list(authorities, add())
    now = datetime.now(UTC)
    later = now + timedelta(days=400)
    one = export.signed(authorities, ours, later)
    read = export.verified(one, ours.entries, until=later)
    assert (read.version, read.made_at) == (3, later.replace(microsecond=0))
    with pytest.raises(Problem, match="TRU-4222"):
        export.verified(one, ours.entries, until=now)
