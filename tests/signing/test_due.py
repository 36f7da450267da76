"""When lists are fetched, from which addresses, and which are taken: decisions without effects."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.signing.due import (
    AT_LEAST_EVERY,
    LONGEST_PAUSE,
    Dated,
    Forbidden,
    Refused,
    check_resolved,
    host_of,
    is_missed,
    is_newer,
    next_fetch,
    pause_after,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR, APART = timedelta(hours=1), timedelta(minutes=5)


def dated(number: int, hours: float = -1, ends: float | None = 23) -> Dated:
    """Return a list by its number and the hours from now at which it begins and ends."""
    return Dated(number, NOW + HOUR * hours, None if ends is None else NOW + HOUR * ends)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://ca.example/crl", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("ldap://ca.example/cn=ca", "http or https"),
        ("http://", "no host"),
        ("http:///crl", "no host"),
        ("http://user:word@ca.example/", "names and passwords"),
        ("http://ca.example/#crl", "fragment"),
        ("http://ca.example:99999/", "not an address"),
        ("http://ca.example/a b", "ASCII"),
        ("http://ca.example/\r\nHost: x", "ASCII"),
        ("http://cá.example/", "ASCII"),
        ("ca.example/crl", "http or https"),
    ],
)
def test_an_address_that_no_list_may_name(address: str, why: str) -> None:
    with pytest.raises(Forbidden, match=why):
        host_of(address)


def test_an_address_that_a_list_may_name() -> None:
    assert host_of("http://ca.gov.vn:8080/crl?x=1") == "ca.gov.vn"
    assert host_of("https://[2001:db8::1]/crl") == "2001:db8::1"


@pytest.mark.parametrize(
    ("address", "always", "private"),
    [
        ("8.8.8.8", True, True),
        ("2001:4860:4860::8888", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("172.16.0.1", False, True),
        ("::1", False, True),
        ("fd00::1", False, True),
        ("fec0::1", False, True),
        ("feff:ffff::1", False, True),
        ("::8.8.8.8", False, False),
        ("::7f00:1", False, False),
        ("::169.254.169.254", False, False),
        ("::2", False, False),
        ("::ffff:127.0.0.1", False, True),
        ("64:ff9b::7f00:1", False, True),
        ("2002:7f00:1::", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 (not bound to)
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("100.64.0.1", False, False),
        ("no address", False, False),
    ],
)
def test_where_a_host_may_be(address: str, *, always: bool, private: bool) -> None:
    for is_private, allowed in ((False, always), (True, private)):
        if allowed:
            check_resolved(address, private=is_private)
        else:
            with pytest.raises(Forbidden):
                check_resolved(address, private=is_private)


@given(
    life=st.floats(0.01, 24 * 365),
    age=st.floats(0, 24 * 365),
    chance=st.floats(0, 1),
)
def test_a_list_is_fetched_again_by_half_of_its_life_and_every_hour(
    life: float, age: float, chance: float
) -> None:
    found = Dated(1, NOW - HOUR * age, NOW - HOUR * age + HOUR * life)
    at = next_fetch(NOW, found, chance=chance)
    assert NOW + timedelta(seconds=30) <= at <= NOW + max(AT_LEAST_EVERY, timedelta(minutes=1))
    half = found.this_update + HOUR * life / 2
    assert at <= max(half, NOW + timedelta(minutes=1))


@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1))
def test_failures_pause_from_five_seconds_to_five_minutes(failures: int, chance: float) -> None:
    pause = pause_after(failures, chance=chance)
    assert timedelta(seconds=4) <= pause <= LONGEST_PAUSE
    assert pause_after(0, chance=1) == timedelta(seconds=5)
    assert pause_after(10, chance=1) == LONGEST_PAUSE


def test_a_newer_list_is_taken_and_the_same_one_is_no_news() -> None:
    assert is_newer(None, dated(1), now=NOW, apart=APART)
    assert is_newer(dated(1, -2), dated(2), now=NOW, apart=APART)
    assert not is_newer(dated(2), dated(2), now=NOW, apart=APART)
    assert is_newer(None, dated(2, ends=None), now=NOW, apart=APART)


@pytest.mark.parametrize(
    ("held", "found", "why"),
    [
        (dated(5, -2), dated(4), "older"),
        (dated(5, -2), dated(6, -3), "older"),
        (dated(5, -2), dated(5), "two lists"),
        (None, dated(5, 1), "future"),
        (None, dated(5, -9, -2), "ended"),
    ],
)
def test_a_list_that_is_not_taken(held: Dated | None, found: Dated, why: str) -> None:
    with pytest.raises(Refused, match=why):
        is_newer(held, found, now=NOW, apart=APART)


@pytest.mark.parametrize(
    ("newest", "failing", "missed"),
    [
        (None, False, False),
        (None, True, True),
        (dated(1, -1, 23), True, False),
        (dated(1, -23, 0.9), True, True),
        (dated(1, -23, 0.9), False, False),
        (dated(1, -24, 0), False, True),
        (dated(1, -47.1, 999), True, True),
        (dated(1, -47.1, 999), False, False),
        (dated(1, -48, 999), False, True),
        (dated(1, -1, None), False, True),
    ],
)
def test_a_list_is_missed_that_has_ended_or_soon_will_and_cannot_be_fetched(
    newest: Dated | None, *, failing: bool, missed: bool
) -> None:
    assert is_missed(newest, failing=failing, now=NOW, oldest=48 * HOUR) == missed
