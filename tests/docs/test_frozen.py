"""The digest of a dispatch: what was frozen before seals came detached keeps its own."""

from typing import Any

from services.docs import frozen


def test_the_frozen_digest_of_pdfs_is_what_it_was():
    def row(columns: list[str]) -> dict[str, Any]:
        return dict.fromkeys(columns)

    file = {**row(frozen.FILE), "id": "1", "media_type": "application/pdf"}
    made = frozen.digest(row(frozen.DISPATCH), row(frozen.DOCUMENT), files=[file], copies=[])
    assert made == "e2d527f08dc9d1b903da1f69deb7886f65c2a3c25fea5d691a811b0c495b2ad8"
    sealed = {**file, "signature_sha256": "0" * 64}
    other = frozen.digest(row(frozen.DISPATCH), row(frozen.DOCUMENT), files=[sealed], copies=[])
    assert other != made
