"""Jaeger 2 with badger on disk: one that is there, or one built here from its module."""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.stack.caches import cache
from infra.stack.folder import TREE, Folder
from infra.stack.launch import Launch
from infra.stack.part import NotYet, Say
from infra.stack.services import ask
from infra.stack.spool import Spool
from infra.stack.trouble import Trouble

_MODULE = TREE / "infra" / "jaeger"
_PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
_ROOM = 4 << 30
_OLDEST_GO = (1, 26)
_EVERY = 20.0


@dataclass(frozen=True, slots=True)
class Jaeger:
    """One stack's Jaeger. Until it runs, its spool takes the spans."""

    folder: Folder
    port: int
    grpc_port: int
    otlp_port: int
    spool: Spool
    name: str = "jaeger"
    outlives: bool = True

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    async def prepare(self, say: Say) -> None:
        """Find or build the program; spans are kept meanwhile."""
        self.folder.path.joinpath("jaeger").mkdir(exist_ok=True)
        if _found() is None:
            async with self.spool:
                await _build(self.folder, say)

    def launch(self) -> Launch:
        """Say how it is started."""
        program = _found()
        if program is None:
            raise Trouble("Jaeger's program has gone", "make up builds it again")
        return Launch(
            argv=(str(program), "--config", str(_MODULE / "config.yaml")),
            env={
                "JAEGER_QUERY": f"127.0.0.1:{self.port}",
                "JAEGER_QUERY_GRPC": f"127.0.0.1:{self.grpc_port}",
                "JAEGER_OTLP": f"127.0.0.1:{self.otlp_port}",
                "JAEGER_DATA": str(self.folder.path / "jaeger"),
            },
            cwd=self.folder.path,
        )

    async def check(self) -> None:
        """Return if its API answers; raises NotYet."""
        status, _ = await ask(self.address, "/api/services")
        if status != 200:  # noqa: PLR2004 (HTTP's OK)
            raise NotYet(f"its API says {status}")

    async def provision(self) -> None:
        """Hand it the spans that came before it was there."""
        await self.spool.hand_over()


def _found() -> Path | None:
    """Return the Jaeger that JAEGER names, one on PATH, or the one built here."""
    if named := os.environ.get("JAEGER"):
        if not os.access(named, os.X_OK):
            raise Trouble(
                f"JAEGER={named} is no program", "name Jaeger 2's: JAEGER=<path>, or leave it out"
            )
        return Path(named)
    if on_path := shutil.which("jaeger"):
        return Path(on_path)
    built = _built()
    return built if built.exists() else None


def _built() -> Path:
    sums = (_MODULE / "go.sum").read_bytes() + (_MODULE / "go.mod").read_bytes()
    return cache("jaeger") / hashlib.sha256(sums).hexdigest()[:16] / "jaeger"


async def _build(folder: Folder, say: Say) -> None:
    """Build it by its committed go.mod and go.sum, then drop what only the build needed."""
    target = _built()
    home = target.parent.parent
    if shutil.disk_usage(home).free < _ROOM:
        raise Trouble(
            f"Jaeger is not built: {home} has less than {_ROOM >> 30} GB free",
            "make room, or name a built one: JAEGER=… make up (the rest runs without it)",
        )
    go = await _go()
    target.parent.mkdir(exist_ok=True)
    making = target.with_name(f"making-{os.getpid()}")
    say("is built (about 3 minutes, once; nothing waits for it)")
    code = await _run(
        (go, "build", "-ldflags", "-s -w", "-o", str(making), _PACKAGE),
        _go_environment(home) | {"LIENTHONG_STACK": str(folder.path)},
        folder.log("jaeger-build"),
        say,
    )
    if code != 0:
        lines = folder.log("jaeger-build").read_text(errors="replace").splitlines()[-5:]
        raise Trouble(
            f"Jaeger could not be built (status {code}):\n"
            + "\n".join("    " + line for line in lines),
            "check the network (it comes by Go's module proxy); the rest runs without it",
        )
    making.replace(target)
    for folder_name in ("go-mod", "go-build"):
        await asyncio.to_thread(shutil.rmtree, home / folder_name, ignore_errors=True)


def _go_environment(home: Path) -> dict[str, str]:
    return {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOMODCACHE": str(home / "go-mod"),
        "GOCACHE": str(home / "go-build"),
    }


async def _run(argv: Sequence[str], env: dict[str, str], log: Path, say: Say) -> int:
    """Run the build behind everything else, and say now and then that it goes on."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            "nice",
            *("-n", "15"),
            *argv,
            cwd=_MODULE,
            env={**os.environ, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    began = asyncio.get_running_loop().time()
    try:
        while True:
            try:
                async with asyncio.timeout(_EVERY):
                    return await process.wait()
            except TimeoutError:
                say(f"is still being built ({asyncio.get_running_loop().time() - began:.0f} s)")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _go() -> str:
    """Return the system's Go if it is new enough, else the one that came from PyPI."""
    beside = str(Path(sys.executable).parent)
    for found in (shutil.which("go"), shutil.which("go", path=beside)):
        if found is not None and await _go_version(found) >= _OLDEST_GO:
            return found
    raise Trouble(
        "Jaeger is not built: no Go is here", "make setup installs one; the rest runs without it"
    )


async def _go_version(go: str) -> tuple[int, int]:
    process = await asyncio.create_subprocess_exec(
        go,
        "version",
        env={**os.environ, "GOTOOLCHAIN": "local"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    version = re.search(rb"go(\d+)\.(\d+)", said)
    return (int(version[1]), int(version[2])) if version else (0, 0)
