"""What is revoked lies beside the database: wherever a process dies, and once a file is mended."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import orjson
import pytest
from cryptography import x509

from infra.failpoints import failpoints
from infra.stack.folder import TREE
from services.signing import distrust
from services.signing.bench import Bench
from services.signing.pipe import Facts, Reading
from services.signing.register import Register
from services.signing.store import lists
from shared.errors import Unavailable
from tests.conformance.world import World
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk
from tests.signing.dying_registrar import Order
from tests.signing.elsewhere import crl, make_ca
from tests.signing.test_distrust import ask_to_revoke, foreign, recovering, revoke, standing
from tests.signing.test_revocation import digest, serial
from tests.signing.trust_face import open_face
from tests.signing.trusting import Trusting
from tests.signing.unread import with_version

OWN = (
    "signing.revoked.committed",
    "signing.list.synced",
    "signing.list.laid",
    "signing.list.lasts",
)
FOREIGN = (
    "signing.revoked.committed",
    "signing.distrust.synced",
    "signing.distrust.laid",
    "signing.distrust.lasts",
)
BENCH_READ = Bench.read
FILES = ("trust-changes.jws", "distrusted.jws", "issuing.crl")


async def die(desk: Desk, certificate: str, point: str) -> None:
    """Have another process revoke a certificate and kill itself at a point."""
    order = Order(desk.databases, str(desk.authorities.folder), certificate)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("dying_registrar.py")),
        order.text(),
        cwd=TREE,
        env={**os.environ, "FAILPOINT": point, "PYTHONPATH": str(TREE)},
    )
    assert await process.wait() == -signal.SIGKILL


def listed(desk: Desk) -> set[int]:
    """Return the serial numbers that stand in the issuing CA's list in the folder."""
    found = desk.authorities.issuing_list()
    assert found
    return {one.serial_number for one in x509.load_der_x509_crl(found.der)}


def test_every_point_of_a_revocation_is_tested() -> None:
    starts = ("signing.revoked.", "signing.list.", "signing.distrust.")
    assert {name for name, _ in failpoints() if name.startswith(starts)} == {*OWN, *FOREIGN}


async def test_what_we_issued_lies_there_before_the_registrar_is_answered(
    idle_desk: Desk, backing: Backing
) -> None:
    async with open_face(idle_desk, backing) as face:
        await revoke(face, digest(idle_desk, "leader"))
        assert serial(idle_desk) in listed(idle_desk)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", OWN)
async def test_what_we_issued_lies_there_when_the_registrar_asks_again(
    idle_desk: Desk, backing: Backing, point: str
) -> None:
    sha256 = digest(idle_desk, "leader")
    await die(idle_desk, sha256, point)
    async with open_face(idle_desk, backing) as face:
        await revoke(face, sha256)
        assert serial(idle_desk) in listed(idle_desk)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", FOREIGN)
async def test_what_others_issued_lies_there_without_being_asked_again(
    idle: Trusting, point: str
) -> None:
    sha256 = await foreign(idle)
    await die(idle.desk, sha256, point)
    found = await standing(idle.desk, sha256)
    assert found
    assert found[0] == "revoked"
    await idle.desk.register.tend()
    assert list(distrust.in_folder(idle.desk.authorities)) == [sha256]


@pytest.mark.parametrize("name", [*FILES, "root.crl"])
async def test_a_file_that_cannot_be_used_is_told_and_ends_nothing(
    idle_desk: Desk, name: str
) -> None:
    path = idle_desk.authorities.folder / name
    good = path.read_bytes() if path.exists() else None
    path.write_bytes(b"x")
    restarted = Register(idle_desk.bench, idle_desk.authorities, idle_desk.recovery)
    await restarted.tend()
    assert (await restarted.check() or "").startswith(f"pki/{name}: ")
    if good is None:
        path.unlink()
    else:
        path.write_bytes(good)
    await restarted.tend()
    assert await restarted.check() is None


async def test_a_list_of_the_root_without_a_number_ends_nothing(idle_desk: Desk) -> None:
    path = idle_desk.authorities.folder / "root.crl"
    good = path.read_bytes()
    path.write_bytes(crl(idle_desk.papers.office.root, number=None))
    restarted = Register(idle_desk.bench, idle_desk.authorities, idle_desk.recovery)
    await restarted.tend()
    assert "without a number" in (await restarted.check() or "")
    path.write_bytes(good)
    await restarted.tend()
    assert await restarted.check() is None


async def test_a_list_of_the_root_is_read_by_a_worker_and_taken_over_once(idle_desk: Desk) -> None:
    path = idle_desk.authorities.folder / "root.crl"
    good, later = path.read_bytes(), crl(idle_desk.papers.office.root, number=1_000)
    restarted = Register(idle_desk.bench, idle_desk.authorities, idle_desk.recovery)
    path.write_bytes(crl(make_ca("Goc"), number=2_000))
    await restarted.tend()
    assert await restarted.check() == "pki/root.crl: another issuer's"
    for content in (later, good):  # an older one takes nothing back
        path.write_bytes(content)
        await restarted.tend()
        assert await restarted.check() is None
        newest = await idle_desk.db.look(lambda conn: lists.newest(conn, "root"))
        assert newest is not None
        assert (newest.number, newest.der) == (1_000, later)


async def test_a_list_that_is_none_of_the_roots_is_read_once(
    idle_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Reading] = []

    async def read(bench: Bench, reading: Reading) -> Facts:
        looks.append(reading)
        return await BENCH_READ(bench, reading)

    monkeypatch.setattr(Bench, "read", read)
    path = idle_desk.authorities.folder / "root.crl"
    path.write_bytes(crl(make_ca("Goc"), number=2_000))
    restarted = Register(idle_desk.bench, idle_desk.authorities, idle_desk.recovery)
    for _ in range(3):
        await restarted.tend()
        assert await restarted.check() == "pki/root.crl: another issuer's"
    assert [one.what for one in looks] == ["list"], "a worker loads all that is trusted for each"


async def test_the_registers_file_is_read_by_a_worker_after_a_restore(
    idle_desk: Desk, backing: Backing, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery = await recovering(idle_desk, backing, monkeypatch)
    path = idle_desk.authorities.folder / "registry.json"
    good, world = path.read_bytes(), World()
    rows = orjson.loads(good)
    strange = DER_cert_to_PEM_cert(with_version(world.issued("La"), 3, by=world.issuing).der)
    path.write_bytes(orjson.dumps([*rows, {**rows[0], "pem": strange}]))
    try:
        await recovery.due()
        assert await recovery.over()
    finally:
        path.write_bytes(good)


@pytest.mark.parametrize("name", FILES)
async def test_nothing_is_judged_after_a_restore_before_such_a_file_is_mended(
    idle_desk: Desk, backing: Backing, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recovery = await recovering(idle_desk, backing, monkeypatch)
    (idle_desk.authorities.folder / name).write_bytes(b"x")
    with pytest.raises(Unavailable, match=r"pki/distrusted.jws|the PKI folder"):
        await recovery.due()
    assert not await recovery.over()


async def test_what_tells_of_others_keeps_no_certificate_of_ours_from_being_revoked(
    idle: Trusting, backing: Backing
) -> None:
    sha256, desk = await foreign(idle), idle.desk
    path = desk.authorities.folder / "distrusted.jws"
    path.write_bytes(b"x")
    async with open_face(desk, backing) as face:
        await revoke(face, digest(desk, "leader"))
        assert (await ask_to_revoke(face, sha256)).status_code == 503
        path.unlink()
        await revoke(face, sha256)
    assert list(distrust.in_folder(desk.authorities)) == [sha256]
