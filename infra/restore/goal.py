"""What TO= names: a moment, a place in the log, a backup, or as late as the log goes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from infra.postgres.swap import Cut
from infra.restore.base import Base, newest_before
from infra.restore.side import Goal
from infra.stack.trouble import Trouble

_PLACE = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}")
LATEST = "latest"
_TO = "TO=2026-11-26T08:30:00+07:00 (or without zone: UTC), TO=latest, a backup's name, 0/1A2B3C4D"


def goal_of(to: str, known: Sequence[Base], cut: Cut) -> Goal:
    """Return how to get to what `to` names; `cut` is where the log ends now. Raises Trouble."""
    if not known:
        raise Trouble("there is no backup to start from", "make backup, from now on regularly")
    if to == LATEST:
        settings = {"recovery_target_name": cut.name}
        return Goal(known[-1], settings, f"the end of the log ({cut.at:%H:%M:%S} UTC)")
    named = next((base for base in known if base.name == to), None)
    if named is not None:
        return Goal(named, {"recovery_target": "immediate"}, f"the backup {to}")
    if _PLACE.fullmatch(to):
        # Whether a backup is older than a place in the log only the server can say: the oldest.
        return Goal(known[0], {"recovery_target_lsn": to}, f"the place {to} in the log")
    return _moment(to, known, cut)


def _moment(to: str, known: Sequence[Base], cut: Cut) -> Goal:
    try:
        moment = datetime.fromisoformat(to)
    except ValueError:
        names = ", ".join(base.name for base in known)
        raise Trouble(f"TO={to} names no point", f"{_TO}; backups: {names}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > cut.at:
        raise Trouble(f"{moment.isoformat()} is yet to come", "TO=latest goes as far as can be")
    base = newest_before(known, moment)
    if base is None:
        raise Trouble(
            f"{moment.isoformat()} is before the oldest backup that is kept",
            f"the earliest point is TO={known[0].ended.isoformat()}",
        )
    words = {"recovery_target_time": moment.isoformat(), "recovery_target_inclusive": "on"}
    return Goal(base, words, moment.isoformat())
