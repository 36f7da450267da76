"""`make bench SIGNING=1`: what a judgement costs, against bare library calls, and beside poison."""

import argparse
import asyncio
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from infra.bench import poison
from infra.bench.cases import Size
from infra.bench.judged import Json, compared, delayed, line, milliseconds, sound, summary, table
from infra.bench.judging import MATERIALS
from infra.bench.papers import make
from infra.pki.authority import Period, sign_list
from infra.pki.establish import establish, open_office
from infra.pki.trusted import material
from infra.stack.folder import TREE
from services.signing.pool import Limits, Present
from services.signing.slots import MOST_BESIDE
from services.signing.validation.material import Material

_SEED = """code,name,level,state
G22,Văn phòng Chính phủ,central,active
G01,Bộ Công an,central,active
"""


@dataclass(frozen=True, slots=True)
class Way:
    """How poison comes, and what there is against it."""

    name: str
    most_beside: int = MOST_BESIDE
    """How many looks may go on beside the slots."""
    validated: bool = False
    """Poison and every second good file come to be validated; else all with documents."""


WAYS = (
    Way("with documents"),
    Way("validated", validated=True),
    Way("with documents, no looks beside the slots", most_beside=0),
)
_REVOKED = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """Papers of one kind: whose keys, how large."""

    name: str
    sender: str
    size: Size
    count: int


KINDS = (
    Kind("100 KB, P-256", "G01", "100k", 6),
    Kind("1 MB, P-256", "G01", "1m", 3),
    Kind("100 KB, RSA 2048", "G22", "100k", 6),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured."""

    pairs: int
    memory: int
    cold: int
    rounds: int
    seconds: float
    """Of each stretch beside poison."""
    rate: float
    """Good files per second."""
    poison: float
    """1: poison that meets a worker's real limits."""
    limits: Limits


WHOLE = Amount(300, 2_000, 60, 2, 20.0, 8.0, 1.0, Limits())
QUICK = Amount(40, 200, 10, 1, 8.0, 8.0, 0.1, Limits(cpu_seconds=3, wall_seconds=6))
TINY = Amount(4, 40, 2, 1, 1.5, 4.0, 0.02, Limits(cpu_seconds=1, wall_seconds=2))


@dataclass(frozen=True, slots=True)
class Ground:
    """A PKI of its own, papers of each kind, and what they are judged with."""

    papers: dict[str, list[Path]]
    trusted: Material
    crowded: Material
    """With many entries in the issuing authority's list."""
    folder: Path


def prepare(folder: Path, say: Callable[[str], None]) -> Ground:
    """Make a PKI and sign."""
    seed = folder / "seed.csv"
    seed.write_text(_SEED, encoding="utf-8")
    establish(folder, seed)
    (folder / "papers").mkdir(exist_ok=True)
    say("signing papers …")
    papers: dict[str, list[Path]] = {}
    for kind in KINDS:
        for number in range(kind.count):
            path = folder / "papers" / f"{kind.sender}.{kind.size}.{number}.pdf"
            make(folder, path, kind.sender, kind.size, number)
            papers.setdefault(kind.name, []).append(path)
    return Ground(papers, _material(folder, 0), _material(folder, _REVOKED), folder)


def _material(folder: Path, revoked: int) -> Material:
    office = open_office(folder)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    period = Period(now - dt.timedelta(hours=1), now + dt.timedelta(days=1))
    # Serial numbers as long as real ones; none of them is of a signer.
    serials = [(1 << 150) + 7 * one for one in range(revoked)]
    own = sign_list(office.issuing, number=1, period=period, revoked=serials)
    lists = (("root", (office.folder / "root.crl").read_bytes()), ("issuing", own))
    return material(
        office.root.certificate.public_bytes(Encoding.DER),
        office.issuing.certificate.public_bytes(Encoding.DER),
        lists,
    )


def _asked(what: str, files: Sequence[Path], trusted: Material, **more: int) -> Json:
    """Have a process of its own measure."""
    given = {
        "what": what,
        "files": [str(path) for path in files],
        "material": json.loads(MATERIALS.dump_json(trusted)),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-m", "infra.bench.judging"],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
        cwd=TREE,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def _pairs(ground: Ground, amount: Amount, say: Callable[[str], None]) -> list[Json]:
    rows: list[Json] = []
    kinds = [(kind.name, ground.papers[kind.name], ground.trusted) for kind in KINDS]
    crowded = (f"100 KB, P-256, list of {_REVOKED:,}", kinds[0][1], ground.crowded)
    for name, files, trusted in (*kinds, crowded):
        rows.append(compared(name, _asked("pairs", files, trusted, pairs=amount.pairs)))
        say(f"{name}: {line(rows[-1])}")
    return rows


def _cold(ground: Ground, amount: Amount) -> list[Json]:
    files = ground.papers[KINDS[0].name]
    rows: list[Json] = []
    for name, trusted in (("lists empty", ground.trusted), (f"{_REVOKED:,}", ground.crowded)):
        found = _asked("cold", files, trusted, pairs=amount.cold)
        middle = {
            f"{part}_ms": milliseconds(found[part], 0.5) for part in ("read", "first", "warm")
        }
        rows.append({"name": name, **middle})
    return rows


async def _beside(ground: Ground, amount: Amount, way: Way, say: Callable[[str], None]) -> Json:
    bad: list[Path] = []
    for number, content in enumerate(poison.poisons(amount.poison)):
        bad.append(ground.folder / f"poison.{number}.pdf")
        bad[-1].write_bytes(content)
    calm, foul = await poison.poisoned(
        Present(ground.trusted, dt.datetime.now(dt.UTC)),
        amount.limits,
        (ground.papers[KINDS[0].name], bad),
        rate=amount.rate,
        seconds=amount.seconds,
        rounds=amount.rounds,
        most_beside=way.most_beside,
        validated=way.validated,
        say=say,
    )
    return delayed(way.name, calm, foul, promised=way.most_beside > 0)


def measured(folder: Path, amount: Amount, say: Callable[[str], None]) -> Json:
    """Measure everything once."""
    ground = prepare(folder, say)
    rows = _pairs(ground, amount, say)
    cold = _cold(ground, amount)
    say("memory …")
    files = [path for kind in KINDS for path in ground.papers[kind.name]]
    kept = _asked("memory", files, ground.trusted, files_judged=amount.memory)
    beside = [asyncio.run(_beside(ground, amount, way, say)) for way in WAYS]
    return {"kinds": rows, "cold": cold, "memory": kept, "beside": beside}


def main() -> int:
    """Measure and tell; 1 when an aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.signing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute")
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    given = parser.parse_args()
    quick = given.quick or os.environ.get("QUICK", "") not in {"", "0"}
    amount = TINY if given.tiny else QUICK if quick else WHOLE
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="bench-signing-") as folder:
        told = measured(Path(folder), amount, say)
    print(json.dumps(told, ensure_ascii=False))
    print(table(told))
    print(summary(told), flush=True)
    return 0 if given.tiny or sound(told) else 1


if __name__ == "__main__":
    sys.exit(main())
