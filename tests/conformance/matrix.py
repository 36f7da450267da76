"""All cases of the matrix, one dimension after another."""

from collections.abc import Callable, Iterator

from tests.conformance.case import Case
from tests.conformance.cases.algorithm import algorithm
from tests.conformance.cases.binding import binding
from tests.conformance.cases.chain import chain
from tests.conformance.cases.changes import changes
from tests.conformance.cases.coverage import coverage
from tests.conformance.cases.moment import moment
from tests.conformance.cases.order import order
from tests.conformance.cases.revocation import revocation
from tests.conformance.cases.stamps import stamps
from tests.conformance.cases.structure import structure
from tests.conformance.cases.usage import usage
from tests.conformance.cases.validity import validity
from tests.conformance.world import World

DIMENSIONS: tuple[Callable[[World], Iterator[Case]], ...] = (
    chain,
    validity,
    revocation,
    usage,
    algorithm,
    coverage,
    changes,
    structure,
    order,
    stamps,
    binding,
    moment,
)


def matrix() -> Iterator[Case]:
    """Yield every case; keys and certificates are new in every run."""
    world = World()
    for dimension in DIMENSIONS:
        yield from dimension(world)
