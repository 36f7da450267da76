"""Which network a state folder holds: chosen at its first start, fixed from then on."""

import os
from pathlib import Path

from infra.stack.folder import TREE, Folder
from infra.stack.trouble import Trouble

DEFAULT = "articles"


def seed_file(name: str) -> Path:
    """Return the file of a seed."""
    return TREE / "infra" / "seed" / f"{name}.csv"


def fixed_seed(folder: Folder, asked: str) -> str:
    """Return the folder's seed, fixing it if this is the first start.

    `asked` is empty when nobody asked for one. Raises Trouble when the folder holds another.
    """
    held = folder.read("seed.json").get("seed")
    if isinstance(held, str):
        if asked not in ("", held):
            beside = f"{folder.path.name}-{asked}"
            raise Trouble(
                f"{folder.path} holds the network '{held}', and a folder keeps its network",
                f"use a folder of its own: LIENTHONG_RUN={beside} make up SEED={asked}",
            )
        return held
    name = asked or DEFAULT
    if not seed_file(name).is_file():
        known = ", ".join(sorted(file.stem for file in seed_file(name).parent.glob("*.csv")))
        raise Trouble(f"there is no network '{name}'", f"those that exist: {known}")
    folder.write("seed.json", {"seed": name})
    return name


def asked_seed() -> str:
    """Return the seed that the environment asks for; empty: none."""
    return os.environ.get("SEED", "").strip()
