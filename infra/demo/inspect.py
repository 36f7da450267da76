"""What a careful recipient checks itself: signatures to the root it trusts, and the receipt."""

import asyncio
import hashlib
import io
import logging
from asyncio import Lock, get_running_loop
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asn1crypto import cms
from cryptography import x509
from cryptography.x509.oid import NameOID
from pyhanko.keys import (
    load_cert_from_pemder,  # pyright: ignore[reportUnknownVariableType] (asn1crypto has no types)
    load_certs_from_pemder_data,
)
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    SignatureCoverageLevel,
    async_validate_detached_cms,  # pyright: ignore[reportUnknownVariableType] (as above)
    validate_pdf_signature,
)
from pyhanko_certvalidator import ValidationContext

from infra.receipts import checks as receipts

WHOLE = SignatureCoverageLevel.ENTIRE_FILE
SIGNATURES = {"MAIN": 2, "ANNEX": 1}
"""A letter bears its leader's signature and the seal, an annex the seal."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the recipient trusts: its root; all else (DER) must be signed by it to count."""

    root: Path
    issuing: bytes
    revoked: tuple[bytes, ...]


def faults_of(content: bytes, role: str, sender: str, trust: Trust) -> str | None:
    """Verify all signatures of a PDF; returns what is wrong, in words. Runs in a worker process."""
    logging.disable(logging.CRITICAL)
    try:
        signatures = list(PdfFileReader(io.BytesIO(content)).embedded_signatures)
        if len(signatures) < SIGNATURES[role]:
            return f"{len(signatures)} signatures where {SIGNATURES[role]} are due"
        for signature in signatures:
            status = validate_pdf_signature(signature, signer_validation_context=_context(trust))
            if not status.bottom_line:
                return f"{signature.field_name}: {status.summary()}"
            if (owner := _owner(bytes(status.signing_cert.dump()))) != sender:  # pyright: ignore[reportUnknownArgumentType] (asn1crypto has no types)
                return f"{signature.field_name}: belongs to {owner}, not to {sender}"
            if signature is signatures[-1] and status.coverage != WHOLE:
                return f"{signature.field_name}: something was added after the last signature"
    except Exception as error:  # noqa: BLE001 (pyHanko leaks builtin exceptions on odd files)
        return f"{type(error).__name__}: {error}"
    return None


def detached_faults_of(content: bytes, signature: bytes, sender: str, trust: Trust) -> str | None:
    """Verify the detached seal of a file of any kind; as `faults_of`, in a worker process."""
    logging.disable(logging.CRITICAL)
    try:
        signed = cms.ContentInfo.load(signature)["content"]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] (asn1crypto has no types)
        status = asyncio.run(
            async_validate_detached_cms(content, signed, signer_validation_context=_context(trust))  # pyright: ignore[reportUnknownArgumentType] (as above)
        )
        if not status.bottom_line:
            return f"seal: {status.summary()}"
        if (owner := _owner(bytes(status.signing_cert.dump()))) != sender:  # pyright: ignore[reportUnknownArgumentType] (as above)
            return f"seal: belongs to {owner}, not to {sender}"
    except Exception as error:  # noqa: BLE001 (as above)
        return f"{type(error).__name__}: {error}"
    return None


def _context(trust: Trust) -> ValidationContext:
    return ValidationContext(
        trust_roots=[load_cert_from_pemder(str(trust.root))],  # pyright: ignore[reportUnknownArgumentType] (as above)
        other_certs=list(load_certs_from_pemder_data(trust.issuing)),  # pyright: ignore[reportUnknownArgumentType] (as above)
        crls=trust.revoked,
        revocation_mode="require",
        allow_fetching=False,
    )


def _owner(certificate: bytes) -> str | None:
    subject = x509.load_der_x509_certificate(certificate).subject
    found = subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
    return str(found[0].value) if found else None


class Inspector:
    """Verifies each file once per recipient's system, however many of its agencies got it."""

    def __init__(self, pool: ProcessPoolExecutor, trust: Trust) -> None:
        """Verify in the processes of `pool`."""
        self._pool, self._trust = pool, trust
        self._known: dict[tuple[str, str], str | None] = {}
        self._locks: defaultdict[tuple[str, str], Lock] = defaultdict(Lock)

    async def faults(
        self, system: str, content: bytes, *, role: str, sender: str, seal: bytes | None = None
    ) -> str | None:
        """Return what is wrong with a file, or with its detached seal; None when all is well."""
        key = (system, hashlib.sha256(content + (seal or b"")).hexdigest())
        check = partial(faults_of, content, role, sender, self._trust)
        if seal is not None:
            check = partial(detached_faults_of, content, seal, sender, self._trust)
        async with self._locks[key]:
            if key not in self._known:
                self._known[key] = await get_running_loop().run_in_executor(self._pool, check)
            return self._known[key]


def receipt_faults(receipt: str, root: Path, expected: Mapping[str, object]) -> str | None:
    """Verify a receipt offline, then compare what it says; returns what is wrong, in words."""
    trust = receipts.Trust(x509.load_pem_x509_certificate(root.read_bytes()))
    failed = [check for check in receipts.verify(receipt, trust) if check.failure is not None]
    if failed:
        return f"{failed[0].en}: {failed[0].failure}"
    claims = receipts.take_apart(receipt).claims
    wrong = [name for name, value in expected.items() if claims.get(name) != value]
    return f"it says something else about {', '.join(wrong)}" if wrong else None
