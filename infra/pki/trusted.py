"""The material with which papers of the development PKI are judged."""

from collections.abc import Iterable
from datetime import UTC, datetime

from services.signing.validation.material import Authority, Listed, Material
from services.signing.validation.policy import NEWEST

_ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


def material(root: bytes, issuing: bytes, lists: Iterable[tuple[str, bytes]]) -> Material:
    """Return the policy, both authorities and these lists; all in DER, lists by authority."""
    return Material(
        policy=NEWEST.read_bytes(),
        authorities=(
            Authority("root", root, True, _ALWAYS, None, ("authority",)),
            Authority("issuing", issuing, False, _ALWAYS, None, ("leader", "seal", "protocol")),
        ),
        lists=tuple(Listed(name, der) for name, der in lists),
    )
