"""The ports behind the gateway that are for operators: what they tell is nobody's documents."""

from tests.proof.access.matrix import Findings
from tests.proof.access.world import World

_PATHS = (
    "/",
    "/metrics",
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/v1/documents",
    "/v1/documents/{document_id}",
    "/v1/deliveries/{delivery_id}",
    "/internal/heads",
    "/internal/clients",
    "/debug",
    "/.env",
)


async def private(world: World, found: Findings) -> None:
    """Ask every instance's private port and every service's own for what nobody may see."""
    ports = world.harness.ports()
    places = [place for listed in ports["metrics"].values() for place in listed]
    secrets = world.secrets("operator")
    ids = world.foreign["stranger"].sent
    for base in [*places, *world.addresses.values()]:
        for path in _PATHS:
            url = base + path.format_map(ids)
            answer = await world.wire.send("GET", url, {}, None)
            found.ask(path, base, "private")
            if shown := answer.shows(secrets, ids.values()):
                found.read(f"GET {url}", shown)
            closed = path.startswith(("/v1/", "/internal/"))
            if closed and answer.status not in {401, 404}:
                found.read(f"GET {url}: {answer.status} without a token", [path])
