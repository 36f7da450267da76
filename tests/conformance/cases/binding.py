"""Whose a certificate is: the row that was stored decides, never the name in it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from services.signing.certificate import Registered
from tests.conformance.case import Case
from tests.conformance.pdf import Place
from tests.conformance.pki import SUBSCRIBER, Holder, issue, named
from tests.conformance.trial import Trial, cases, paper
from tests.conformance.world import OTHER, World, blank, next_serial, row, rows, sealed


def binding(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("binding", _seals(world))
    yield from _letters(world)


def _seals(world: World) -> Iterator[Trial]:
    usual, seal = world.setting(), world.seal
    foreign = issue(
        named("Bo Cong an", organisation="Bo Cong an"),
        seal.key,
        world.issuing,
        SUBSCRIBER,
        serial=next_serial(),
    )
    renewed = issue(seal.name, seal.key, world.issuing, SUBSCRIBER, serial=next_serial())
    twin = replace(row(renewed, "seal"), sha256=world.leader.sha256)
    table: list[tuple[str, Holder, Mapping[str, Registered]]] = [
        ("registered", seal, rows(row(seal, "seal"))),
        ("registered-among-others", seal, rows(row(seal, "seal"), row(world.leader, "leader"))),
        ("another-name-own-row", foreign, rows(row(foreign, "seal"))),
        ("not-registered", seal, {}),
        ("only-others-registered", seal, rows(row(world.leader, "leader"), twin)),
        ("renewed-and-not-registered", renewed, rows(row(seal, "seal"))),
        ("own-name-another-row", seal, rows(row(seal, "seal", agency=OTHER))),
        ("another-name-another-row", foreign, rows(row(foreign, "seal", agency=OTHER))),
        ("registered-for-protocol", seal, rows(row(seal, "protocol"))),
        ("registered-as-authority", seal, rows(row(seal, "authority"))),
    ]
    for name, by, registered in table:
        yield Trial(name=name, by=by, setting=usual, registered=registered)


def _letters(world: World) -> Iterator[Case]:
    leader, seal = world.leader, world.seal
    file = sealed(blank(), leader, place=Place(field="NguoiKy"))
    file = sealed(file, seal, place=Place(field="CoQuan"))
    own, mine = row(leader, "leader"), row(seal, "seal")
    for name, registered in (
        ("letter", rows(own, mine)),
        ("leader-not-registered", rows(mine)),
        ("seal-not-registered", rows(own)),
        ("leader-of-another", rows(row(leader, "leader", agency=OTHER), mine)),
        ("seal-of-another", rows(own, row(seal, "seal", agency=OTHER))),
        (
            "both-of-another",
            rows(row(leader, "leader", agency=OTHER), row(seal, "seal", agency=OTHER)),
        ),
        ("leader-for-protocol", rows(row(leader, "protocol"), mine)),
        ("seal-for-protocol", rows(own, row(seal, "protocol"))),
        ("kinds-swapped", rows(row(leader, "seal"), row(seal, "leader"))),
        ("both-leaders", rows(own, row(seal, "leader"))),
        ("both-seals", rows(row(leader, "seal"), mine)),
    ):
        yield paper("binding", name, file, registered, world.setting())
