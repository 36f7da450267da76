"""From a request to its caller: the token is verified here, and again by the service behind."""

from starlette.requests import Request

from services.gateway.access import Route
from shared.identity import Caller, Guard


async def caller(request: Request, route: Route) -> Caller | None:
    """Return who calls and may use this route; None on a public one.

    Raises Problem AUT-4011 (one body for every cause), AUT-4031, Unavailable.
    """
    if route.scopes is None:
        return None
    guard: Guard = request.app.state.guard
    return await guard.admit(request, route.scopes)
