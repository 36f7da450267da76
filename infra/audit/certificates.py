"""Certificates as they were registered: against their own bytes and the newest revocation lists."""

import hashlib
from collections.abc import Iterator, Mapping

from cryptography import x509

from infra.audit.cogroup import Case
from infra.audit.finding import Books, Finding, differing

Lists = Mapping[str, x509.CertificateRevocationList]
"""The newest list by authority."""


def check_certificate(key: tuple[str], case: Case, books: Books, lists: Lists) -> Iterator[Finding]:
    """Yield what is wrong with one certificate's row."""
    (row,) = case["certificate"]
    where = f"certificate {key[0]}"
    books.counted["certificates"] += 1
    if hashlib.sha256(row["der"]).hexdigest() != row["sha256"]:
        yield Finding(where, "its bytes have another digest")
        return
    certificate = x509.load_der_x509_certificate(row["der"])
    said = {
        "serial": certificate.serial_number,
        "not_before": certificate.not_valid_before_utc,
        "not_after": certificate.not_valid_after_utc,
    }
    found = {**{name: row[name] for name in said}, "serial": int(row["serial"])}
    yield from differing(where, "row against its bytes", said, found, said)
    revocations = lists.get(row["issuer"])
    if revocations is None or row["kind"] == "authority":
        return
    if revocations.issuer != certificate.issuer:
        yield Finding(where, f"was not issued by {row['issuer']}")
    entry = revocations.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if (entry is None) != (row["state"] == "good"):
        said_by_list = "is not" if entry is None else "is"
        yield Finding(where, f"is {row['state']}, and {said_by_list} on the newest list")
