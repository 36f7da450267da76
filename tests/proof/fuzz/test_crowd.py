"""What a connection that nobody reads was answered."""

import socket

import pytest

from tests.proof.fuzz.crowd import status


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nid: 1", 200, id="began"),
        pytest.param(b"HTTP/1.1 429 Too Many\r\n\r\n{}", 429, id="refused"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", 0, id="only its head"),
        pytest.param(b"HTTP/1", 0, id="cut short"),
        pytest.param(b"", 0, id="ended"),
    ],
)
async def test_a_status_is_seen_and_left_unread(sent: bytes, seen: int):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)

        assert await status(ours, 0.1) == seen
        assert ours.recv(100) == sent


async def test_one_that_is_not_answered_is_not_waited_for_for_ever():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        assert await status(ours, 0.05) == 0
