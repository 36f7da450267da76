"""What a signer's certificate is for: RFC 5280 4.2.1.3, 4.2.1.12; EN 319 412-2 4.3.2."""

from collections.abc import Iterator
from dataclasses import replace

from tests.conformance.case import Case
from tests.conformance.pdf import Place
from tests.conformance.pki import (
    ANY_USE,
    CLIENT,
    CODE,
    DOCUMENTS,
    EMAIL,
    OCSP_SIGNING,
    SERVER,
    SUBSCRIBER,
    TIME_STAMPING,
    Extension,
    Profile,
    Usage,
    policies,
)
from tests.conformance.trial import Trial, cases, paper
from tests.conformance.world import World, blank, row, rows, sealed

_ADOBE, _MICROSOFT = "1.2.840.113583.1.1.5", "1.3.6.1.4.1.311.10.3.12"
_QUALIFIED = Extension("1.3.6.1.5.5.7.1.3", bytes.fromhex("300a300806060400" + "8e460101"))

_USAGES: dict[str, tuple[Usage, ...] | None] = {
    "commitment": ("content_commitment",),
    "commitment-and-signature": ("digital_signature", "content_commitment"),
    "commitment-and-encipherment": ("content_commitment", "key_encipherment"),
    "signature-only": ("digital_signature",),
    "encipherment-only": ("key_encipherment",),
    "agreement-only": ("key_agreement",),
    "certificates-only": ("key_cert_sign",),
    "no-key-usage": None,
}
_EXTENDED: dict[str, tuple[str, ...] | None] = {
    "for-documents": (DOCUMENTS,),
    "for-adobe": (_ADOBE,),
    "for-microsoft": (_MICROSOFT,),
    "for-anything": (ANY_USE,),
    "for-nothing-named": None,
    "for-clients-and-mail": (CLIENT, EMAIL),
    "for-clients": (CLIENT,),
    "for-servers": (SERVER,),
    "for-code": (CODE,),
    "for-stamps": (TIME_STAMPING,),
    "for-ocsp": (OCSP_SIGNING,),
    "for-clients-and-servers": (CLIENT, SERVER),
}


def usage(world: World) -> Iterator[Case]:
    """Yield the cases of this dimension."""
    yield from cases("usage", _seals(world))
    yield from _leaders(world)


def _profiles() -> Iterator[tuple[str, Profile]]:
    for name, usages in _USAGES.items():
        yield name, replace(SUBSCRIBER, usage=usages)
    for name, extended in _EXTENDED.items():
        yield name, replace(SUBSCRIBER, extended=extended)
    yield "for-mail-critical", replace(SUBSCRIBER, extended_critical=True)
    yield "for-servers-critical", replace(SUBSCRIBER, extended=(SERVER,), extended_critical=True)
    named = policies("1.3.6.1.4.1.55555.2.1")
    yield "with-a-policy", replace(SUBSCRIBER, extra=(named,))
    yield "with-a-critical-policy", replace(SUBSCRIBER, extra=(replace(named, critical=True),))
    both: tuple[Usage, ...] = ("content_commitment", "key_cert_sign")
    yield "an-authority", replace(SUBSCRIBER, ca=True, usage=both, extended=None)
    yield "qualified", replace(SUBSCRIBER, extra=(_QUALIFIED,))


def _seals(world: World) -> Iterator[Trial]:
    for name, profile in _profiles():
        by = world.issued("Văn phòng Chính phủ", profile)
        yield Trial(name=name, by=by, setting=world.setting())


def _leaders(world: World) -> Iterator[Case]:
    """A leader before a good seal."""
    for name, profile in (
        ("leader-commitment", SUBSCRIBER),
        ("leader-signature-only", replace(SUBSCRIBER, usage=("digital_signature",))),
        ("leader-for-clients", replace(SUBSCRIBER, extended=(CLIENT,))),
        ("leader-for-documents", replace(SUBSCRIBER, extended=(DOCUMENTS,))),
    ):
        leader = world.issued("Lê Minh An", profile)
        file = sealed(blank(), leader, place=Place(field="NguoiKy"))
        file = sealed(file, world.seal, place=Place(field="CoQuan"))
        registered = rows(row(leader, "leader"), row(world.seal, "seal"))
        yield paper("usage", name, file, registered, world.setting())
