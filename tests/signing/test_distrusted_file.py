"""Files beside the database: what of other authorities is distrusted here, and our own list."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.signing import distrust, keys, relist
from services.signing.keys import Authorities
from services.signing.store.standing import Distrusted
from tests.signing.elsewhere import make_ca, pem

SINCE = datetime(2026, 11, 20, 8, 30, 0, 123456, tzinfo=UTC)
ONE, TWO = (Distrusted(digit * 64, "keyCompromise", SINCE) for digit in "12")


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    """A PKI folder with nothing but its two authorities."""
    root = make_ca("CA gốc")
    issuing = make_ca("CA cấp", by=root)
    (tmp_path / "root.pem").write_text(pem(root))
    (tmp_path / "issuing.pem").write_text(pem(issuing))
    key = issuing.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "issuing.key.pem").write_bytes(key)
    return Authorities(tmp_path)


def file_of(authorities: Authorities) -> Path:
    """Return where the file lies."""
    return authorities.folder / "distrusted.jws"


async def test_what_lies_there_is_only_added_to(authorities: Authorities) -> None:
    assert distrust.in_folder(authorities) == {}
    await distrust.keep(authorities, [])
    assert not file_of(authorities).exists(), "nothing is laid as long as there is nothing"
    await distrust.keep(authorities, [ONE])
    await distrust.keep(authorities, [TWO])
    assert list(distrust.in_folder(authorities).values()) == [ONE, TWO]


async def test_the_earlier_date_counts(authorities: Authorities) -> None:
    sooner = Distrusted(ONE.sha256, "superseded", SINCE - timedelta(days=1))
    await distrust.keep(authorities, [ONE, TWO])
    await distrust.keep(authorities, [sooner])
    await distrust.keep(authorities, [ONE])
    assert distrust.in_folder(authorities) == {ONE.sha256: sooner, TWO.sha256: TWO}


async def test_what_lies_there_already_is_not_written_again(authorities: Authorities) -> None:
    await distrust.keep(authorities, [ONE, TWO])
    before = file_of(authorities).stat()
    await distrust.keep(authorities, [TWO])
    after = file_of(authorities).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_what_another_hand_wrote_is_refused(authorities: Authorities) -> None:
    await distrust.keep(authorities, [ONE])
    path = file_of(authorities)
    head, content, value = path.read_text().split(".")
    another = authorities.sign_statement({"certificates": []}, kind=relist.TYPE)
    for forged in (f"{head}.{content}.{value[::-1]}", another, "x"):
        path.write_text(forged)
        with pytest.raises(ValueError, match=r"signed by|no statement"):
            distrust.in_folder(authorities)
        with pytest.raises(ValueError, match=r"signed by|no statement"):
            await distrust.keep(authorities, [TWO])
        assert path.read_text() == forged


def test_a_list_begins_at_the_moment_that_is_given(authorities: Authorities) -> None:
    one = authorities.sign_list(1, [], at=SINCE)
    assert one.this_update < SINCE < one.next_update


def test_an_earlier_list_never_replaces_a_later_one(
    authorities: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, later = (authorities.sign_list(number, [], at=SINCE) for number in (1, 2))
    begun, laid = threading.Event(), threading.Event()

    def slowly(point: str) -> None:
        if point == "signing.list.synced" and not begun.is_set():
            begun.set()
            laid.wait(0.5)

    monkeypatch.setattr(keys, "reach", slowly)
    with ThreadPoolExecutor(1) as pool:
        laying = pool.submit(authorities.keep_list, earlier)
        begun.wait(5)
        authorities.keep_list(later)
        laid.set()
        laying.result()
    found = authorities.issuing_list()
    assert found
    assert found.number == 2
