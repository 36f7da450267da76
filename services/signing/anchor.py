"""The trust of the moment, as workers are given it: made anew when a revocation list is newer."""

from services.signing.keys import Authorities
from services.signing.pipe import TrustUpdate
from services.signing.store import lists
from shared.db import Connection


class Anchor:
    """Keeps the trust that was last made; the same object while no list is newer."""

    def __init__(self, authorities: Authorities) -> None:
        """Know no list yet."""
        self._authorities = authorities
        self._numbers: dict[str, int] = {}
        self._trust: TrustUpdate | None = None

    async def now(self, conn: Connection) -> TrustUpdate:
        """Return the trust of this moment."""
        numbers = await lists.latest_numbers(conn)
        if self._trust is None or numbers != self._numbers:
            newest = await lists.latest(conn)
            self._trust = TrustUpdate(
                root=self._authorities.der("root"),
                intermediates=(self._authorities.der("issuing"),),
                lists={known.authority: known.der for known in newest},
            )
            self._numbers = numbers
        return self._trust
