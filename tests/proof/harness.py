"""The stack under proof, driven as an operator drives it: by `python -m infra.stack …`."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_TREE = Path(__file__).resolve().parents[2]


class NotDone(Exception):  # noqa: N818 (a command that did not do what it was told)
    """A command of the stack failed; says which and what it printed."""


@dataclass(frozen=True, slots=True)
class Harness:
    """One stack: its state folder, and the checkout whose code runs."""

    run: Path
    """`$LIENTHONG_RUN`, absolute."""
    tree: Path = _TREE
    """A copy with a seeded bug is started from its own folder."""

    @classmethod
    def here(cls) -> "Harness":
        """Return the stack that LIENTHONG_RUN names, else the one in `$PROOF_RUN/stack`."""
        named = os.environ.get("LIENTHONG_RUN", "").strip()
        folder = Path(named) if named else proof_run() / "stack"
        return cls(folder.expanduser().resolve())

    async def up(self, *words: str, env: Mapping[str, str] | None = None) -> None:
        """Start what does not run yet; `SEED=today` sets a variable, other words are arguments.

        Returns when it is ready; services take what `arm` lays. Raises NotDone.
        """
        told = dict(word.split("=", 1) for word in words if "=" in word)
        rest = [word for word in words if "=" not in word]
        await self._do("up", *rest, env={"FAILPOINTS": "1", **told, **(env or {})})

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator["Harness"]:
        """Lend the stack, started if it does not run, and then ended again. Raises NotDone."""
        ran = (self.run / "control.sock").exists()
        await self.up()
        try:
            yield self
        finally:
            if not ran:
                await self.down()

    async def down(self) -> None:
        """End everything; what it holds stays. Raises NotDone."""
        await self._do("down")

    async def kill(self, process: str, *, hold: bool = False) -> None:
        """SIGKILL a process; the supervisor has it back within 2 s unless it is held down."""
        await self._do("kill", process, env={"HOLD": "1" if hold else "0"})

    async def start(
        self, process: str, failpoint: str = "", life: Mapping[str, str] | None = None
    ) -> None:
        """Start what is held down; with a fail point (`name[:n]`) or environment for one life."""
        more = {f"LIFE_{name}": value for name, value in (life or {}).items()}
        await self._do("start", process, env={"FAILPOINT": failpoint, **more})

    def arm(self, process: str, failpoint: str) -> None:
        """Tell a process that runs where to die: `name[:n]`, counted from now."""
        half = self.run / f"{process}.failpoint.half"
        half.write_text(failpoint, encoding="ascii")
        half.replace(self.run / f"{process}.failpoint")

    def disarm(self, process: str = "*") -> None:
        """Take back what `arm` has laid and the process has not taken."""
        for file in self.run.glob(f"{process}.failpoint"):
            file.unlink(missing_ok=True)

    async def scale(self, service: str, n: int) -> None:
        """Run so many instances of a service."""
        await self._do("scale", service, str(n))

    async def replace(self, service: str) -> None:
        """Replace a service's instances one by one, by the code that lies in the tree now."""
        await self._do("replace", service)

    async def wait(self, process: str) -> None:
        """Wait until a process is ready. Raises NotDone when it does not become so."""
        await self._do("wait", process)

    async def status(self) -> str:
        """Return one line per process, whether they are well or not."""
        return await self._do("status", may_fail=True)

    async def certify(self, code: str, use: str, *, begins: float, ends: float) -> None:
        """Give an agency's leader or seal a new certificate, valid in hours from now."""
        hours = ("--hours", str(begins), str(ends))
        await self._do("issue", code, use, *hours, module="infra.pki")

    async def audit(self) -> str:
        """Hold what all services keep against each other; return what is wrong, else nothing."""
        try:
            await self._do(module="infra.audit")
        except NotDone as error:
            return str(error)
        return ""

    def pid(self, process: str) -> int:
        """Return a process's pid (`docs`, `docs-2`, `postgres`, …). Raises FileNotFoundError."""
        text = (self.run / f"{process}.pid").read_text(encoding="utf-8")
        return int(text.split()[0])

    def ports(self) -> Json:
        """Return the addresses of the running stack. Raises FileNotFoundError without one."""
        return json.loads((self.run / "ports.json").read_text(encoding="utf-8"))

    def clients(self) -> list[Json]:
        """Return the connected systems of the seed."""
        return json.loads((self.run / "clients.json").read_text(encoding="utf-8"))

    def log(self, process: str) -> Path:
        """Return the log of a process: one JSON object a line."""
        return self.run / "log" / f"{process}.log"

    async def _do(
        self,
        *words: str,
        module: str = "infra.stack",
        env: Mapping[str, str] | None = None,
        may_fail: bool = False,
    ) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *words,
            cwd=self.tree,
            env={**os.environ, "LIENTHONG_RUN": str(self.run), **(env or {})},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode(errors="replace")
        if process.returncode and not may_fail:
            raise NotDone(f"{' '.join(words) or module}: exit {process.returncode}\n{said[-2000:]}")
        return said


def proof_run() -> Path:
    """Return the folder of the proof's own state: `$PROOF_RUN`, `.run-prove` in the tree if unset.

    A stack of its own lies in `stack` below it.
    """
    named = os.environ.get("PROOF_RUN", "").strip()
    return Path(named).expanduser().resolve() if named else _TREE / ".run-prove"


def fresh(folder: Path) -> None:
    """Remove a folder of the proof; the stack that an earlier run has left in it is ended."""
    if (folder / "stack").exists():
        env = {**os.environ, "LIENTHONG_RUN": str(folder / "stack")}
        command = [sys.executable, "-m", "infra.stack", "down"]
        subprocess.run(command, cwd=_TREE, env=env, check=False)
    shutil.rmtree(folder, ignore_errors=True)
