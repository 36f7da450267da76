"""From the signer to a trusted root: RFC 5280 6.1, and what the trust list adds to it."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography import x509

from services.signing.validation.material import Purpose
from tests.conformance.case import Case
from tests.conformance.cases.renewed import renewed
from tests.conformance.cms import Recipe
from tests.conformance.pki import (
    AUTHORITY,
    SUBSCRIBER,
    Extension,
    Holder,
    Profile,
    constrained,
    explicit_policy,
    issue,
    list_at,
    mail,
    named,
    policies,
    subtree,
    unknown,
)
from tests.conformance.trial import Trial, cases
from tests.conformance.world import (
    DAY,
    ISSUING,
    NOW,
    SIGNERS,
    World,
    authority,
    known,
    next_serial,
    yearly,
)

_POLICY = "1.3.6.1.4.1.55555.2.1"


def chain(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("chain", _usual(world))
    yield from cases("chain", renewed(world))
    yield from cases("chain", _branches(world))
    yield from cases("chain", _deep(world))
    yield from cases("chain", _limited_roots(world))
    yield from cases("chain", _strangers(world))
    yield from cases("chain", _forged(world))
    yield from cases("chain", _trusted_when(world))


def _usual(world: World) -> Iterator[Trial]:
    usual = world.setting()
    above = (world.issuing.der, world.root.der)
    yield Trial(name="two-tiers", by=world.seal, setting=usual)
    yield Trial(name="brings-its-cas", by=world.seal, setting=usual, recipe=Recipe(bag=above))
    yield Trial(
        name="brings-its-issuer", by=world.seal, setting=usual, recipe=Recipe(bag=above[:1])
    )
    direct = world.made("Văn phòng Chính phủ", world.root, SUBSCRIBER)
    root = authority("root", world.root, "authority", "seal", anchor=True)
    daily = known("root", world.root, NOW)
    yield Trial(name="root-issues-it", by=direct, setting=usual.trusting(root).instead(daily))
    other = world.made("CA goc thu hai", None, AUTHORITY)
    below = world.made("CA cap duoi thu hai", other, ISSUING)
    seal = world.made("Văn phòng Chính phủ", below, SUBSCRIBER)
    second = usual.trusting(
        authority("root-2", other, "authority", anchor=True), authority("issuing-2", below, "seal")
    ).knowing(yearly("root-2", other, NOW), known("issuing-2", below, NOW))
    yield Trial(name="second-root", by=seal, setting=second)
    anchored = usual.strange_to("root", "stamping", "issuing")
    anchored = anchored.trusting(authority("issuing", world.issuing, *SIGNERS, anchor=True))
    yield Trial(
        name="anchor-below-a-root",
        by=world.seal,
        setting=anchored.knowing(known("issuing", world.issuing, NOW)),
    )


def _branches(world: World) -> Iterator[Trial]:
    other = subtree(organisation="Bo Cong an")
    own = subtree(organisation="Văn phòng Chính phủ")
    mailed = replace(SUBSCRIBER, extra=(mail("vanthu@chinhphu.example"),))
    asked = replace(SUBSCRIBER, extra=(policies(_POLICY),))
    explicit = (policies(_POLICY, critical=True), explicit_policy())
    table: list[tuple[str, Profile, Profile]] = [
        ("no-path-length", replace(ISSUING, path_length=None), SUBSCRIBER),
        ("no-key-usage-in-ca", replace(ISSUING, usage=None), SUBSCRIBER),
        ("unknown-extension-in-ca", _more(ISSUING, unknown(critical=False)), SUBSCRIBER),
        ("unknown-extension-in-signer", ISSUING, _more(SUBSCRIBER, unknown(critical=False))),
        ("no-key-identifiers", ISSUING, replace(SUBSCRIBER, key_ids=False)),
        ("no-basic-constraints-in-signer", ISSUING, replace(SUBSCRIBER, ca=None)),
        ("list-address-in-signer", ISSUING, _more(SUBSCRIBER, list_at("http://crl.example/c"))),
        ("names-permitted", _more(ISSUING, constrained(permitted=[own])), SUBSCRIBER),
        ("other-names-excluded", _more(ISSUING, constrained(excluded=[other])), SUBSCRIBER),
        ("policy-asked-and-there", _more(ISSUING, *explicit), asked),
        ("names-not-permitted", _more(ISSUING, constrained(permitted=[other])), SUBSCRIBER),
        ("names-excluded", _more(ISSUING, constrained(excluded=[own])), SUBSCRIBER),
        ("mail-excluded", _more(ISSUING, _no_mail()), mailed),
        ("policy-asked-and-missing", _more(ISSUING, *explicit), SUBSCRIBER),
        ("no-basic-constraints-in-ca", replace(ISSUING, ca=None), SUBSCRIBER),
        ("ca-is-no-ca", replace(ISSUING, ca=False, path_length=None), SUBSCRIBER),
        ("ca-may-not-sign-certificates", replace(ISSUING, usage=("crl_sign",)), SUBSCRIBER),
        ("critical-unknown-in-ca", _more(ISSUING, unknown(critical=True)), SUBSCRIBER),
        ("critical-unknown-in-signer", ISSUING, _more(SUBSCRIBER, unknown(critical=True))),
        ("ca-not-signed-by-root", replace(ISSUING, signed_by=world.tsa.key), SUBSCRIBER),
    ]
    for name, ca, leaf in table:
        branch = world.branch(ca=ca, leaf=leaf)
        yield Trial(name=name, by=branch.seal, setting=branch.setting)


def _no_mail() -> Extension:
    return constrained(excluded=[x509.RFC822Name("chinhphu.example")])


def _more(profile: Profile, *extensions: Extension) -> Profile:
    return replace(profile, extra=extensions)


def _deep(world: World) -> Iterator[Trial]:
    for name, above in (("three-tiers", 1), ("path-too-long", 0)):
        first = world.made("CA chinh sach", world.root, replace(AUTHORITY, path_length=above))
        yield _below(world, name, first, ISSUING)
    first = world.made("CA chinh sach", world.root, AUTHORITY)
    yield _below(world, "three-tiers-unlimited", first, ISSUING)
    excluded = constrained(excluded=[subtree(organisation="Văn phòng Chính phủ")])
    first = world.made("CA chinh sach", world.root, replace(AUTHORITY, extra=(excluded,)))
    yield _below(world, "names-excluded-higher-up", first, ISSUING)
    first = world.made("CA chinh sach", world.root, replace(AUTHORITY, usage=("crl_sign",)))
    yield _below(world, "middle-ca-may-not-sign", first, ISSUING)


def _below(world: World, name: str, first: Holder, profile: Profile) -> Trial:
    second = world.made("CA cap ba", first, profile)
    seal = world.made("Văn phòng Chính phủ", second, SUBSCRIBER)
    setting = world.setting().trusting(
        authority("middle", first, "authority"), authority("third", second, *SIGNERS)
    )
    lists = yearly("middle", first, NOW), known("third", second, NOW)
    return Trial(name=name, by=seal, setting=setting.knowing(*lists))


def _limited_roots(world: World) -> Iterator[Trial]:
    """Roots that limit themselves: RFC 5280 6.2 leaves it open, RFC 5937 and our policy heed it."""
    own = subtree(organisation="Văn phòng Chính phủ")
    for name, limits in (
        ("root-allows-one-below", replace(AUTHORITY, path_length=1)),
        ("root-allows-none-below", replace(AUTHORITY, path_length=0)),
        ("root-permits-the-name", _more(AUTHORITY, constrained(permitted=[own]))),
        ("root-excludes-the-name", _more(AUTHORITY, constrained(excluded=[own]))),
    ):
        root = world.made("CA goc co gioi han", None, limits)
        below = world.made("CA cap duoi", root, ISSUING)
        seal = world.made("Văn phòng Chính phủ", below, SUBSCRIBER)
        setting = world.setting().trusting(
            authority("limited", root, "authority", anchor=True),
            authority("below", below, *SIGNERS),
        )
        lists = yearly("limited", root, NOW), known("below", below, NOW)
        yield Trial(name=name, by=seal, setting=setting.knowing(*lists))


def _strangers(world: World) -> Iterator[Trial]:
    usual = world.setting()
    root = world.made("CA goc la", None, AUTHORITY)
    below = world.made("CA la", root, ISSUING)
    seal = world.made("Văn phòng Chính phủ", below, SUBSCRIBER)
    yield Trial(name="stranger", by=seal, setting=usual)
    yield Trial(
        name="stranger-brings-its-cas",
        by=seal,
        setting=usual,
        recipe=Recipe(bag=(below.der, root.der)),
    )
    orphan = usual.trusting(authority("orphan", below, *SIGNERS))
    yield Trial(
        name="listed-below-a-stranger",
        by=seal,
        setting=orphan.knowing(known("orphan", below, NOW)),
    )
    alone = world.made("Văn phòng Chính phủ", None, SUBSCRIBER)
    yield Trial(name="self-signed", by=alone, setting=usual)
    yield Trial(name="issuer-not-listed", by=world.seal, setting=usual.strange_to("issuing"))
    yield Trial(name="root-not-listed", by=world.seal, setting=usual.strange_to("root"))
    subscriber = world.made("Văn phòng Chính phủ", world.seal, SUBSCRIBER)
    yield Trial(name="issued-by-a-subscriber", by=subscriber, setting=usual)


def _forged(world: World) -> Iterator[Trial]:
    """Certificates that name a listed authority which did not make them."""
    usual = world.setting()
    other = world.made("CA phuc vu co quan Nha nuoc", None, AUTHORITY)
    twin = issue(named("Văn phòng Chính phủ"), other.key, other, SUBSCRIBER, serial=next_serial())
    yield Trial(name="same-names-other-keys", by=twin, setting=usual)
    forged = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, signed_by=other.key))
    yield Trial(name="not-signed-by-its-issuer", by=forged, setting=usual)
    misnamed = world.issued("Văn phòng Chính phủ", replace(SUBSCRIBER, issuer_name=named("Khac")))
    yield Trial(name="other-issuer-named", by=misnamed, setting=usual)
    bent = replace(world.seal, der=world.seal.der[:-1] + bytes([world.seal.der[-1] ^ 1]))
    yield Trial(name="certificate-altered", by=bent, setting=usual)


def _trusted_when(world: World) -> Iterator[Trial]:
    usual = world.setting()

    def issuing(
        name: str, *purposes: Purpose, since: int = -900, until: int | None = None
    ) -> Trial:
        entry = authority(
            "issuing",
            world.issuing,
            *purposes,
            since=NOW + since * DAY,
            until=None if until is None else NOW + until * DAY,
        )
        return Trial(name=name, by=world.seal, setting=usual.trusting(entry))

    yield issuing("trusted-for-seals-only", "seal")
    yield issuing("trusted-until-tomorrow", *SIGNERS, until=1)
    yield issuing("trusted-since-yesterday", *SIGNERS, since=-1)
    yield issuing("trusted-no-longer", *SIGNERS, until=-1)
    yield issuing("trusted-from-tomorrow", *SIGNERS, since=1)
    yield issuing("trusted-for-nothing-here")
    yield issuing("trusted-for-protocol-only", "protocol")
    yield issuing("trusted-for-leaders-only", "leader")
    stamps = authority("issuing", world.issuing, "timestamp")
    yield Trial(name="trusted-for-stamps-only", by=world.seal, setting=usual.trusting(stamps))
    ended = authority("root", world.root, "authority", anchor=True, until=NOW - DAY)
    yield Trial(name="root-trusted-no-longer", by=world.seal, setting=usual.trusting(ended))
    root = authority("root", world.root, *SIGNERS, anchor=True)
    yield Trial(name="root-not-for-authorities", by=world.seal, setting=usual.trusting(root))
