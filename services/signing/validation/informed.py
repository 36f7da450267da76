"""Trust that also knows OCSP answers about the certificates of one file."""

from collections.abc import Sequence

from services.signing.validation.trust import Chain, Trust


class Informed(Trust):
    """Says what the trust says whose material has these answers too (`Material.answers`).

    Nothing is read again for that: lists and chains are the other's.
    """

    def __init__(self, trust: Trust, answers: Sequence[bytes]) -> None:
        """Share what `trust` has read."""
        vars(self).update(vars(trust))
        self._brought = tuple(answers)

    def chains(self, der: bytes) -> tuple[Chain, ...]:
        """Return the chains of a certificate with what the answers say. Raises Refused."""
        return tuple(self.more(one, (), self._brought) for one in super().chains(der))
