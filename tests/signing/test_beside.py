"""What is revoked lies beside the database: wherever a process dies."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from cryptography import x509

from infra.failpoints import failpoints
from infra.stack.folder import TREE
from services.signing import distrust
from tests.fixtures.stack import Backing
from tests.signing.desk import Desk
from tests.signing.dying_registrar import Order
from tests.signing.test_distrust import foreign, revoke, standing
from tests.signing.test_revocation import digest, serial
from tests.signing.trust_face import open_face
from tests.signing.trusting import Trusting

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
