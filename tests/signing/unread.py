"""Certificates that the library cannot read."""

from dataclasses import replace

from tests.conformance.der import bits, elements, explicit, inside, integer, sequence
from tests.conformance.keys import How, algorithm, sign
from tests.conformance.pki import Holder


def with_version(one: Holder, number: int, *, by: Holder) -> Holder:
    """Return a certificate of a version that there is not (RFC 5280 4.1.2.1), issued by a CA."""
    _, *rest = elements(inside(elements(inside(one.der))[0]))
    body, key = sequence(explicit(0, integer(number)), *rest), by.key
    value = bits(sign(key, body, How()))
    return replace(one, der=sequence(body, algorithm(key, How()), value))
