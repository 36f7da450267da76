"""The registrar's commands against a running stack: what they say is true for everybody."""

import asyncio
import subprocess
import sys

import aiohttp
import pytest
from cryptography import x509

from infra.pki.authority import Use
from infra.pki.registrar import Holder, digest_of
from infra.stack.folder import TREE
from tests.fixtures.eventually import eventually
from tests.fixtures.stack import Stack

pytestmark = pytest.mark.stack
AGENCY = "G36"
"""Nobody else in the tests signs for it."""


async def command(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m infra.pki` on the stack's folder."""
    line = [sys.executable, "-m", "infra.pki", words[0], "--run", str(stack.folder.path)]
    return await asyncio.to_thread(
        subprocess.run,
        [*line, *words[1:]],
        check=False,
        cwd=TREE,
        capture_output=True,
        text=True,
    )


async def revoked_serials(stack: Stack) -> set[int]:
    """Return the serial numbers of the public revocation list."""
    url = f"{stack.url('gateway')}/pki/issuing/crl"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        return {entry.serial_number for entry in x509.load_der_x509_crl(await answer.read())}


async def test_a_suspension_is_public_at_once_and_can_be_ended(stack: Stack) -> None:
    before = await revoked_serials(stack)
    done = await command(stack, "suspend", AGENCY, "seal")
    assert done.stdout.startswith(f"pki: {AGENCY} seal is suspended, list "), done.stderr
    assert len(await revoked_serials(stack) - before) == 1
    done = await command(stack, "restore", AGENCY, "seal")
    assert f"{AGENCY} seal is good" in done.stdout, done.stderr
    assert await revoked_serials(stack) == before


async def test_a_new_certificate_is_known_to_signing_and_can_be_revoked(stack: Stack) -> None:
    run = stack.folder.path
    old = digest_of(run, Holder(AGENCY, Use.LEADER))
    done = await command(stack, "issue", AGENCY, "leader")
    assert done.returncode == 0, done.stderr
    assert digest_of(run, Holder(AGENCY, Use.LEADER)) != old

    async def revoked() -> bool:
        return (await command(stack, "revoke", AGENCY, "leader")).returncode == 0

    await eventually(revoked, "signing knows the new certificate", timeout=30)
    done = await command(stack, "restore", AGENCY, "leader")
    assert (done.returncode, "SIG-4091" in done.stderr) == (1, True)
    await command(stack, "issue", AGENCY, "leader")


async def test_a_holder_that_does_not_exist_is_named(stack: Stack) -> None:
    done = await command(stack, "suspend", "X99", "seal")
    assert done.returncode == 1
    assert "X99.seal.p12" in done.stderr
