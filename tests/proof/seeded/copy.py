"""A copy of the tree with one patch applied: the checkout that a seeded bug is started from."""

import os
import shutil
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
_PATCHES = Path(__file__).parent


class DoesNotApply(Exception):  # noqa: N818 (a finding: the code has moved on)
    """A patch does not fit the tree any more. Text: what git says."""


def patches() -> list[Path]:
    """Return all patches in their order."""
    return sorted(_PATCHES.glob("*.patch"))


def patch(name: str) -> Path:
    """Return the patch of a bug."""
    return _PATCHES / f"{name}.patch"


def check(file: Path) -> None:
    """Raise DoesNotApply when a patch does not fit the tree as it stands."""
    _apply(file, TREE, "--check")


def make(file: Path, target: Path) -> None:
    """Copy everything that is, or could be, committed, and apply a patch. Raises DoesNotApply."""
    fill(target)
    _apply(file, target)


def fill(target: Path) -> None:
    """Copy everything that is, or could be, committed."""
    shutil.rmtree(target, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=TREE, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source = TREE / name
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)


def _apply(file: Path, target: Path, *options: str) -> None:
    # The copy may lie inside of a repository: git must not take the paths as that one's.
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": str(target.parent)}
    command = ["git", "apply", *options, str(file)]
    done = subprocess.run(command, cwd=target, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise DoesNotApply(f"{file.name}: {done.stderr.strip()}")
