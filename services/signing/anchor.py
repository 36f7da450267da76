"""What is trusted at present, as workers are given it: made anew when a list is newer."""

from services.signing.keys import Authorities
from services.signing.pool import Present
from services.signing.store import lists
from services.signing.validation.material import Authority, Listed, Material
from services.signing.validation.policy import NEWEST
from shared.db import Connection


class Anchor:
    """Keeps the material that was last made; the same object while no list is newer."""

    def __init__(self, authorities: Authorities) -> None:
        """Know no list yet. Raises OSError."""
        self._policy = NEWEST.read_bytes()
        self._authorities = (
            Authority(
                name="root",
                der=authorities.der("root"),
                anchor=True,
                trusted_from=authorities.begins("root"),
                trusted_until=None,
                purposes=("authority",),
            ),
            Authority(
                name="issuing",
                der=authorities.der("issuing"),
                anchor=False,
                trusted_from=authorities.begins("issuing"),
                trusted_until=None,
                purposes=("leader", "seal", "protocol"),
            ),
        )
        self._numbers: dict[str, int] = {}
        self._material: Material | None = None

    async def now(self, conn: Connection) -> Present:
        """Return what is trusted at this moment, which PostgreSQL's clock tells."""
        numbers = await lists.latest_numbers(conn)
        if self._material is None or numbers != self._numbers:
            newest = await lists.latest(conn)
            self._material = Material(
                policy=self._policy,
                authorities=self._authorities,
                lists=tuple(Listed(known.authority, known.der) for known in newest),
            )
            self._numbers = numbers
        return Present(self._material, await lists.clock(conn))
