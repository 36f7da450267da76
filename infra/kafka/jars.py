"""Jars as a lock of jgo names them, each checked by its SHA-256; the broker's lock lies here."""

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path

from jgo.maven import MavenContext

from infra.stack.caches import alone, cache
from infra.stack.trouble import Trouble

LOCK = Path(__file__).with_name("jgo.lock.toml")


def class_path(say: Callable[[str], None], lock: Path = LOCK) -> str:
    """Return a lock's class path, after fetching what this machine does not have yet."""
    home = cache("maven")
    context = MavenContext(repo_cache=home, timeout=60)
    wanted: list[dict[str, str]] = tomllib.loads(lock.read_text())["dependencies"]
    with alone(home / "lock"):
        jars = [_jar(context, jar, say) for jar in wanted]
    return ":".join(str(jar) for jar in jars)


def _jar(context: MavenContext, wanted: dict[str, str], say: Callable[[str], None]) -> Path:
    component = context.project(wanted["groupId"], wanted["artifactId"]).at_version(
        wanted["version"]
    )
    artifact = component.artifact(packaging=wanted["packaging"])
    if artifact.cached_path is not None and not artifact.cached_path.exists():
        say(f"fetches {artifact.filename}")
    try:
        path = artifact.resolve()
    except (OSError, RuntimeError) as error:
        raise Trouble(
            f"{artifact.filename} could not be fetched from the Maven repository: {error}",
            "check the network, then: make up",
        ) from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != wanted["sha256"]:
        path.unlink()
        raise Trouble(
            f"{path.name} is not the file that the lock names (SHA-256 {digest})",
            "it has been removed; try again, and distrust the source if it comes back the same",
        )
    return path
