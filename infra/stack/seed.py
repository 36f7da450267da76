"""Which network a state folder holds: chosen at its first start, fixed from then on."""

import os
import re
from pathlib import Path

from infra.stack.folder import TREE, Folder
from infra.stack.trouble import Trouble

DEFAULT = "articles"
_SCALE = re.compile(r"scale:([1-9][0-9]{1,4})", re.ASCII)
"""`scale:N`: a network of N agencies that is made by rule for the folder (`infra.seed.scale`)."""
_FIXED = TREE / "infra" / "seed"


def seed_file(folder: Folder, name: str) -> Path:
    """Return the file of a seed: one that comes with the project, or one made for this folder."""
    if _SCALE.fullmatch(name):
        return folder.path / f"seed-{name.replace(':', '-')}.csv"
    return _FIXED / f"{name}.csv"


def make_seed(folder: Folder, name: str) -> None:
    """Write the file of a network that is made by rule, unless it is there.

    Raises Trouble for a network that does not exist.
    """
    if name in _fixed():
        return
    sized = _SCALE.fullmatch(name)
    if sized is None:
        raise _unknown(name)
    if seed_file(folder, name).is_file():
        return
    from infra.seed import scale  # noqa: PLC0415 (loads pydantic, which `make status` never needs)

    if not scale.FEWEST <= int(sized[1]) <= scale.MOST:
        raise _unknown(name)
    folder.path.mkdir(parents=True, exist_ok=True)
    scale.write(seed_file(folder, name), int(sized[1]))


def _fixed() -> list[str]:
    return sorted(file.stem for file in _FIXED.glob("*.csv"))


def _unknown(name: str) -> Trouble:
    known = ", ".join([*_fixed(), "scale:N (N agencies, 10 to 10000)"])
    return Trouble(f"there is no network '{name[:40]}'", f"those that exist: {known}")


def fixed_seed(folder: Folder, asked: str) -> str:
    """Return the folder's seed, fixing it if this is the first start.

    `asked` is empty when nobody asked for one. Raises Trouble when the folder holds another.
    """
    held = folder.read("seed.json").get("seed")
    if isinstance(held, str):
        if asked not in ("", held):
            beside = f"{folder.path.name}-{asked.replace(':', '-')}"
            raise Trouble(
                f"{folder.path} holds the network '{held}', and a folder keeps its network",
                f"use a folder of its own: LIENTHONG_RUN={beside} make up SEED={asked}",
            )
        make_seed(folder, held)
        return held
    name = asked or DEFAULT
    make_seed(folder, name)
    folder.write("seed.json", {"seed": name})
    return name


def asked_seed() -> str:
    """Return the seed that the environment asks for; empty: none."""
    return os.environ.get("SEED", "").strip()
