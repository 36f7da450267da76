"""HEAD: answered as GET, without the body (RFC 9110 9.3.2); streams of events have none."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access import STREAMS


class Heads:
    """ASGI middleware: behind it there is only GET, which ends as soon as its head is known."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"] in STREAMS:
            await self._app(scope, receive, send)
            return
        told = False

        async def head(message: Message) -> None:
            nonlocal told
            if told:
                return
            told = message["type"] == "http.response.start"
            await send(message)
            # The end at once: who would read a file on finds that nobody waits for it.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        try:
            await self._app({**scope, "method": "GET"}, receive, head)
        except ClientDisconnect:
            if not told:
                raise
