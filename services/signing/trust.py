"""What a worker trusts: our root, the CA below it, and revocation lists indexed once each."""
# pyHanko and asn1crypto are typed in part only:
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, cast

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.revinfo import validate_crl

_CLOCKS_APART = timedelta(seconds=5)
_WEAK_DIGESTS = frozenset({"md2", "md5", "sha1", "sha224"})


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A revocation list, parsed once for pyHanko and once as an index by serial number."""

    authority: str
    parsed: asn1_crl.CertificateList
    index: x509.CertificateRevocationList
    number: int
    this_update: datetime
    next_update: datetime | None

    @classmethod
    def load(cls, authority: str, der: bytes) -> "RevocationList":
        """Parse DER."""
        index = x509.load_der_x509_crl(der)
        return cls(
            authority=authority,
            parsed=asn1_crl.CertificateList.load(der),
            index=index,
            number=index.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
            this_update=index.last_update_utc,
            next_update=index.next_update_utc,
        )


class Trust:
    """The trust of one moment. Nothing is ever fetched: what is not here is not known."""

    def __init__(
        self, *, root: bytes, intermediates: Sequence[bytes], lists: Mapping[str, bytes]
    ) -> None:
        """Parse certificates and lists (DER); lists by the name of their authority."""
        self._root = asn1_x509.Certificate.load(root)
        self._intermediates = [asn1_x509.Certificate.load(der) for der in intermediates]
        self.lists = [RevocationList.load(name, der) for name, der in lists.items()]
        validate_crl.find_cert_in_list = find_in(self.lists)

    def context(self) -> ValidationContext:
        """Return a validation context for now: every certificate's revocation must be known."""
        return ValidationContext(
            trust_roots=[self._root],
            other_certs=self._intermediates,
            crls=[known.parsed for known in self.lists],
            # "hard-fail" accepts a certificate that names no place for its revocation list.
            revocation_mode="require",
            allow_fetching=False,
            weak_hash_algos=_WEAK_DIGESTS,
            time_tolerance=_CLOCKS_APART,
        )


_Scan: TypeAlias = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
scan = cast("_Scan", validate_crl.find_cert_in_list)
"""pyHanko's own look-up: goes through every entry."""


def find_in(lists: Sequence[RevocationList]) -> _Scan:
    """Return pyHanko's look-up in a revocation list, with an index for these lists.

    A list of 10,000 entries costs 75 ms per file otherwise (pyhanko-certvalidator 0.33). Only
    "its serial number is in no entry" is answered here; whatever is in the list, pyHanko reads.
    """
    indexes = {id(known.parsed): known for known in lists}

    def find(cert: Any, cert_issuer: Any, certificate_list: Any, authority: Any) -> Any:  # noqa: ANN401
        known = indexes.get(id(certificate_list))
        if known is not None and isinstance(cert, asn1_x509.Certificate):
            serial = cast("int", cert.serial_number)
            if known.index.get_revoked_certificate_by_serial_number(serial) is None:
                return None, None
        return scan(cert, cert_issuer, certificate_list, authority)

    return find
