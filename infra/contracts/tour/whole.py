"""The whole tour, in an order in which each step finds what it needs."""

from infra.contracts.tour import operating, receiving, registering, sending, signing
from infra.contracts.tour.guide import Guide


async def tour(guide: Guide) -> None:
    """Ask every operation of the document at least once, as its users do."""
    await operating.access(guide)
    await operating.reference(guide)
    await registering.agencies(guide)
    await registering.systems(guide)
    await registering.certificates(guide)
    await registering.trust(guide)
    await sending.drafts(guide)
    await signing.sign(guide)
    letter = await sending.write(guide)
    await sending.one_call(guide, letter)
    await sending.dispatch(guide, letter)
    await receiving.receive(guide)
    await receiving.listen(guide)
    await receiving.subscribe(guide)
    await sending.afterwards(guide)
    await operating.operate(guide)
