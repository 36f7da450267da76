"""Who signs a document, in which order: Decree 30/2020 art. 5, 33, appendix I II.8."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.signing.certificate import Registered
from tests.conformance import cms
from tests.conformance.case import Case, Role
from tests.conformance.cms import PLAIN, Recipe, attribute
from tests.conformance.der import octets
from tests.conformance.pdf import Pdf, Place
from tests.conformance.pki import SUBSCRIBER, Holder
from tests.conformance.revocations import Entry
from tests.conformance.trial import DETACHED, Trial, cases, paper
from tests.conformance.world import DAY, ISSUING, NOW, World, authority, blank, row, rows, sealed

_WORDS = {"L": "leader", "S": "seal"}


def order(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    crowd = _Crowd(world)
    for role, words in (
        ("MAIN", ("LS", "LLS", "LLLS", "LSS", "LLSS", "S", "L", "LL", "SL", "LSL", "SLS", "SSL")),
        ("ANNEX", ("S", "SS", "LS", "LLS", "L", "LL", "SL", "LSL")),
    ):
        for word in words:
            yield crowd.signed(word, "MAIN" if role == "MAIN" else "ANNEX")
    yield crowd.listed_backwards()
    yield from _detached(world)
    yield from _gravest_decides(world)


class _Crowd:
    """Leaders and seals enough for every order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._leaders = [world.leader, *(world.issued(f"Lãnh đạo {n}") for n in (2, 3))]
        self._seals = [world.seal, world.issued("Văn phòng Chính phủ 2")]

    def _signers(self, word: str) -> Iterator[tuple[Holder, Registered]]:
        leaders, seals = iter(self._leaders), iter(self._seals)
        for letter in word:
            if letter == "L":
                one = next(leaders)
                yield one, row(one, "leader")
            else:
                one = next(seals)
                yield one, row(one, "seal")

    def signed(self, word: str, role: Role) -> Case:
        """Return a file signed in the order that a word says."""
        signers = list(self._signers(word))
        file = _all(blank(), [one for one, _ in signers])
        name = "-".join((role.lower(), *(_WORDS[letter] for letter in word)))
        registered = rows(*(one for _, one in signers))
        return paper("order", name, file, registered, self._world.setting(), role=role)

    def listed_backwards(self) -> Case:
        """Return a good file whose form names the seal before the leader."""
        file = sealed(blank(), self._leaders[0], place=Place(field="ZLanhDao"))
        file = sealed(file, self._seals[0], place=Place(field="ACoQuan", first=True))
        registered = rows(row(self._leaders[0], "leader"), row(self._seals[0], "seal"))
        return paper("order", "fields-listed-backwards", file, registered, self._world.setting())


def _all(file: Pdf, signers: Sequence[Holder], recipes: Sequence[Recipe] = ()) -> Pdf:
    for place, one in enumerate(signers):
        recipe = recipes[place] if recipes else PLAIN
        file = sealed(file, one, recipe, Place(field=f"ChuKy{place}"))
    return file


def _detached(world: World) -> Iterator[Case]:
    usual = world.setting()
    led = rows(row(world.leader, "leader"))
    annex = Trial(name="annex-seal", by=world.seal, setting=usual, forms=DETACHED)
    yield from cases(
        "order",
        (
            annex,
            replace(annex, name="main-seal", role="MAIN"),
            replace(annex, name="annex-leader", by=world.leader, registered=led),
            replace(annex, name="main-leader", by=world.leader, registered=led, role="MAIN"),
        ),
    )


def _gravest_decides(world: World) -> Iterator[Case]:
    """Of several signatures that do not pass the gravest is told, of equal ones the first made."""
    leader, seal = world.leader, world.seal
    stranger = world.made("CA la", None, ISSUING)
    strange = world.made("Lê Minh An", stranger, SUBSCRIBER)
    ended = world.issued("Lê Minh An", replace(SUBSCRIBER, ends=NOW - DAY))
    silent_ca = world.made("CA khong co danh sach", world.root, ISSUING)
    silent = world.made("Lê Minh An", silent_ca, SUBSCRIBER)
    seal_revoked = Entry(serial=seal.serial, at=NOW - DAY, reason="keyCompromise")
    leader_revoked = replace(seal_revoked, serial=leader.serial)
    listing = authority("silent", silent_ca, "leader", "seal")
    good, bad = world.setting(), world.setting(NOW, seal_revoked)
    odd = Recipe(key=world.tsa.key)
    told = attribute(cms.MESSAGE_DIGEST, octets(bytes(32)))
    other = Recipe(attributes=lambda held: {**held, cms.MESSAGE_DIGEST: told})
    for name, first, second, setting, recipes in (
        ("leader-revoked", leader, seal, world.setting(NOW, leader_revoked), ()),
        ("seal-revoked", leader, seal, bad, ()),
        ("leader-strange", strange, seal, good, ()),
        ("leader-ended", ended, seal, good, ()),
        ("seal-value-wrong", leader, seal, good, (PLAIN, odd)),
        ("leader-value-wrong", leader, seal, good, (odd, PLAIN)),
        ("leader-ended-seal-revoked", ended, seal, bad, ()),
        ("leader-strange-seal-value-wrong", strange, seal, good, (PLAIN, odd)),
        ("leader-unknown", silent, seal, good.trusting(listing), ()),
        ("leader-unknown-seal-value-wrong", silent, seal, good.trusting(listing), (PLAIN, odd)),
        ("leader-unknown-seal-revoked", silent, seal, bad.trusting(listing), ()),
        ("leader-value-wrong-seal-digest-wrong", leader, seal, good, (odd, other)),
    ):
        file = _all(blank(), (first, second), recipes)
        registered = rows(row(first, "leader"), row(second, "seal"))
        yield paper("order", name, file, registered, setting)
