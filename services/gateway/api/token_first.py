"""Routes that look at the token before they read a body: a stranger's is not worth reading."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from shared.identity import Guard


class TokenFirst(APIRoute):
    """A route none of whose bodies is read for who has no good token; dependencies come later."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler behind the token."""
        handle = super().get_route_handler()

        async def behind_the_token(request: Request) -> Response:
            guard: Guard = request.app.state.guard
            await guard.authenticate(request)
            return await handle(request)

        return behind_the_token
