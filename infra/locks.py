"""`python -m infra.locks`: writes the hashed locks under `requirements/` from pyproject.toml."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.stack.folder import SERVICES, TREE

_FOLDER = TREE / "requirements"
_HOW = ("--universal", "--generate-hashes", "--no-header", "--python-version", "3.11", "--quiet")


def _compile(name: str, source: str, *words: str, given: str | None = None) -> int:
    """Write one lock; versions in it stay as they are unless something asks for others."""
    uv = Path(sys.executable).with_name("uv")
    target = f"requirements/{name}.lock"
    command: Sequence[str | Path] = (uv, "pip", "compile", source, *_HOW, *words, "-o", target)
    return subprocess.run(command, cwd=TREE, input=given, text=True, check=False).returncode


def _pinned(package: str) -> str:
    """Return the line of pyproject.toml's lock that pins a package, such as `uv==0.13.9`."""
    for line in (_FOLDER / "dev.lock").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line.split()[0]
    raise SystemExit(f"{package} is not in requirements/dev.lock")


def main() -> int:
    """Write all locks: of development, of what installs it, of each service's image."""
    status = _compile("dev", "pyproject.toml", "--all-extras")
    status |= _compile("bootstrap", "-", given=_pinned("uv") + "\n")
    for service in (*SERVICES, "provisioner"):
        same = ("--extra", service, "--constraint", "requirements/dev.lock")
        status |= _compile(service, "pyproject.toml", *same)
    return status


if __name__ == "__main__":
    sys.exit(main())
