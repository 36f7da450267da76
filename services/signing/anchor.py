"""What is trusted at present, as workers are given it: made anew when anything in it is newer."""

from services.signing.pool import Present
from services.signing.store import lists, trust
from services.signing.trustlist import in_force
from services.signing.validation.material import Listed, Material
from services.signing.validation.policy import NEWEST
from shared.db import Connection, clock
from shared.errors import Unavailable


class Anchor:
    """Keeps the material that was last made; the same object while nothing in it changes.

    OCSP answers are no part of it: each is for few files, which are looked at with it
    (`services/signing/informed.py`), and a new one would have all workers read all lists again.
    """

    def __init__(self) -> None:
        """Know no list yet. Raises OSError."""
        self._policy = NEWEST.read_bytes()
        self._known: dict[str, int] = {}
        self._material: Material | None = None

    async def now(self, conn: Connection) -> Present:
        """Return what is trusted at this moment, which PostgreSQL's clock tells.

        Raises Unavailable before the trust list has begun: until then nothing can be judged.
        """
        known = await lists.changes(conn)
        if not known["trust"]:
            raise Unavailable("the trust list")
        if self._material is None or known != self._known:
            trusted = in_force((await trust.current(conn)).entries)
            newest = await lists.latest(conn)
            self._material = Material(
                policy=self._policy,
                authorities=tuple(one.authority() for one in trusted.values()),
                lists=tuple(
                    Listed(one.authority, one.der) for one in newest if one.authority in trusted
                ),
                version=known["trust"],
            )
            self._known = known
        return Present(self._material, await clock(conn))
