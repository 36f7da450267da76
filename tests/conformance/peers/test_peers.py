"""The peers work on this machine: each tells good files from those with one defect."""

import datetime as dt
import os
import signal
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest

from infra.pki.authority import Period
from tests.conformance.peers import openssl, pdfsig
from tests.conformance.peers.dss import Dss
from tests.conformance.peers.peer import Asked, Missing, Said, Verdict, find
from tests.conformance.peers.samples import (
    CONTENT,
    World,
    altered,
    make_world,
    short_lived,
    signed_beside,
    signed_pdf,
)
from tests.conformance.peers.stamped import OverOther, authority, stamped_pdf

pytestmark = pytest.mark.tools
_MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def dss() -> Generator[Dss]:
    with Dss() as running:
        yield running


@pytest.fixture(params=["openssl", "pdfsig", "dss"])
def ask(request: pytest.FixtureRequest) -> Callable[[Asked], Said]:
    if request.param == "dss":
        running: Dss = request.getfixturevalue("dss")
        return running.ask
    return openssl.ask if request.param == "openssl" else pdfsig.ask


def _is(said: Said, verdict: Verdict) -> bool:
    assert said.verdict == verdict, said.words
    return True


def test_a_good_file_is_good(ask: Callable[[Asked], Said], world: World):
    assert _is(ask(world.asked(signed_pdf(world))), "good")


def test_both_signatures_of_a_file_are_judged(ask: Callable[[Asked], Said], world: World):
    two = signed_pdf(world, times=2)
    assert _is(ask(world.asked(two)), "good")
    assert _is(ask(world.asked(altered(two, 300))), "bad")


def test_an_altered_byte_is_found(ask: Callable[[Asked], Said], world: World):
    assert _is(ask(world.asked(altered(signed_pdf(world), 300))), "bad")


def test_a_file_without_signatures_is_bad(ask: Callable[[Asked], Said], world: World):
    assert _is(ask(world.asked(signed_pdf(world, times=0))), "bad")


def test_a_root_that_nobody_trusts_is_bad(
    ask: Callable[[Asked], Said], world: World, stranger: World
):
    file = signed_pdf(world)
    trust = stranger.asked(file)
    asked = replace(world.asked(file), roots=trust.roots, intermediates=trust.intermediates)
    assert _is(ask(asked), "bad")


def test_a_certificate_is_judged_at_the_moment_asked_for(
    ask: Callable[[Asked], Said], world: World
):
    # Lists that were fresh before the end: only the end itself stands against the certificate.
    short, ends = short_lived(world)
    asked = replace(world.asked(signed_pdf(short)), at=ends - _MINUTE)
    assert _is(ask(asked), "good")
    assert _is(ask(replace(asked, at=ends + _MINUTE)), "bad")


def test_a_certificate_that_the_list_names_is_bad(ask: Callable[[Asked], Said], world: World):
    file = world.asked(signed_pdf(world))
    assert _is(ask(replace(file, crls=world.lists([world.leaf.serial_number]))), "bad")


def test_a_list_that_is_not_out_yet_is_not_known(ask: Callable[[Asked], Said], world: World):
    tomorrow = Period(world.now + 60 * _MINUTE, world.now + 120 * _MINUTE)
    later = world.lists([world.leaf.serial_number], tomorrow)
    file = world.asked(signed_pdf(world))
    assert _is(ask(replace(file, crls=[*file.crls, *later])), "good")


@pytest.mark.parametrize("ask", ["openssl", "dss"], indirect=True)
def test_a_detached_signature_is_judged_with_its_content(
    ask: Callable[[Asked], Said], world: World
):
    beside = signed_beside(world)
    assert _is(ask(world.asked(beside, CONTENT)), "good")
    assert _is(ask(world.asked(beside, CONTENT + b"!")), "bad")


@pytest.mark.parametrize("ask", ["openssl", "dss"], indirect=True)
def test_without_revocation_data_nothing_is_known(ask: Callable[[Asked], Said], world: World):
    assert _is(ask(replace(world.asked(signed_pdf(world)), crls=[])), "unknown")


@pytest.mark.parametrize("ask", ["openssl", "dss"], indirect=True)
@pytest.mark.parametrize(
    ("state", "verdict"), [("GOOD", "good"), ("REVOKED", "bad"), ("UNKNOWN", "unknown")]
)
def test_an_ocsp_answer_counts(
    ask: Callable[[Asked], Said], world: World, state: str, verdict: Verdict
):
    file = world.asked(signed_pdf(world))
    asked = replace(file, crls=file.crls[:1], ocsps=[world.answer(state)])
    assert _is(ask(asked), verdict)


@pytest.mark.parametrize("ask", ["openssl", "dss"], indirect=True)
def test_a_time_stamp_says_when_an_expired_signature_was_there(
    ask: Callable[[Asked], Said], world: World
):
    short, ends = short_lived(world)
    in_time = stamped_pdf(short, authority(world, ends - _MINUTE))
    late = stamped_pdf(short, authority(world, ends + _MINUTE))
    assert _is(ask(replace(world.asked(in_time), at=ends + 2 * _MINUTE)), "good")
    assert _is(ask(replace(world.asked(late), at=ends + 2 * _MINUTE)), "bad")


@pytest.mark.parametrize("ask", ["openssl", "dss"], indirect=True)
def test_a_strangers_time_stamp_does_not_help_nor_harm(
    ask: Callable[[Asked], Said], world: World, stranger: World
):
    short, ends = short_lived(world)
    file = stamped_pdf(short, authority(stranger, ends - _MINUTE))
    assert _is(ask(replace(world.asked(file), at=ends - _MINUTE)), "good")
    assert _is(ask(replace(world.asked(file), at=ends + _MINUTE)), "bad")


def test_openssl_refuses_a_time_stamp_over_other_bytes(world: World):
    said = openssl.ask(world.asked(stamped_pdf(world, authority(world, world.now, OverOther))))
    assert said == Said("bad", "time stamp: message imprint mismatch")


def test_pdfsig_has_no_opinion_on_what_is_no_pdf(world: World):
    said = pdfsig.ask(world.asked(signed_beside(world), CONTENT))
    assert said.verdict == "not applicable"


def test_dss_tells_which_constraint_failed(dss: Dss, world: World):
    said = dss.ask(world.asked(altered(signed_pdf(world), 300)))
    assert said.words == "TOTAL_FAILED HASH_FAILURE (BBB_CV_IRDOI_ANS)"


def test_dss_is_there_again_after_it_has_died(dss: Dss, world: World):
    file = world.asked(signed_pdf(world))
    os.kill(dss.process, signal.SIGKILL)
    assert _is(dss.ask(file), "unknown")
    assert _is(dss.ask(file), "good")


def test_a_tool_that_is_not_there_is_named_with_the_way_out():
    with pytest.raises(Missing, match="certutile is not on PATH: make prove-tools"):
        find("certutile")
