"""What a receipt says and how it is signed: a JWS (ES256) with its certificate chain inside."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from services.notify.entry import EntryContent, EntryFile, Party
from services.notify.mailbox import Numbered

TYPE = "lienthong-receipt+jwt"
"""`typ` of the JWS header: no receipt can pass for a token, or the other way round."""

Digests: TypeAlias = Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """A protocol key with its certificates, leaf first, in DER."""

    kid: str
    key: EllipticCurvePrivateKey
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file whose digest was not confirmed: wrong, missing, or not of this delivery."""

    attachment_id: UUID
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """Who acknowledges, by which system, and when."""

    acting: Party
    client_id: str
    at: datetime


def differences(files: Sequence[EntryFile], digests: Digests) -> list[Difference]:
    """Compare the digests that the recipient computed with those of the entry, file by file."""
    expected = {file.id: file.sha256 for file in files}
    found: list[Difference] = []
    for id_, sha256 in expected.items():
        if id_ not in digests:
            found.append(Difference(id_, "Thiếu mã băm của tệp này.", "This file is missing."))
        elif digests[id_].lower() != sha256:
            found.append(
                Difference(
                    id_,
                    "Mã băm không khớp với tệp đã gửi.",
                    "The digest is not that of the file that was sent.",
                )
            )
    found += [
        Difference(id_, "Tệp này không thuộc lượt giao.", "This file is not of this delivery.")
        for id_ in digests
        if id_ not in expected
    ]
    return found


def sign(
    entry: Numbered,
    content: EntryContent,
    who: Acknowledging,
    *,
    id_: UUID,
    issuer: str,
    key: ReceiptKey,
) -> str:
    """Make the receipt of an acknowledged entry (JWS, compact form)."""
    claims = {
        "iss": issuer,
        "iat": int(who.at.timestamp()),
        "jti": str(id_),
        "delivery_id": str(content.delivery_id),
        "dispatch_id": str(content.dispatch_id),
        "document_id": str(content.document_id),
        "code": content.code,
        "from": content.sender.model_dump(mode="json"),
        "to": content.recipient.model_dump(mode="json"),
        "acted": who.acting.model_dump(mode="json"),
        "client_id": who.client_id,
        "lane": entry.lane,
        "sequence": entry.sequence,
        "hash": entry.hash.hex(),
        "files": [
            {"id": str(file.id), "sha256": file.sha256, "size": file.size} for file in content.files
        ],
        "acknowledged_at": who.at.isoformat(),
    }
    headers = {
        "typ": TYPE,
        "kid": key.kid,
        "x5c": [base64.b64encode(one).decode() for one in key.chain],
    }
    return jwt.encode(claims, key.key, algorithm="ES256", headers=headers)


def sender_of(receipt: str) -> UUID:
    """Return the sender that one of our own receipts names."""
    claims = jwt.decode(receipt, options={"verify_signature": False})
    return UUID(claims["from"]["id"])
