"""Conditions of lists: only those that were asked for stand in the query, so that indexes serve."""

from dataclasses import dataclass, field

from shared.db import Connection


@dataclass(slots=True)
class Where:
    """Conditions with their values; values travel as parameters, never as text of the query."""

    values: list[object] = field(default_factory=list[object])
    conditions: list[str] = field(default_factory=list[str])

    def add(self, condition: str, value: object) -> None:
        """Demand `condition`, whose `{}` stands for the value; None demands nothing."""
        if value is not None:
            self.conditions.append(condition.format(self.bind(value)))

    def bind(self, value: object) -> str:
        """Return the placeholder of one more value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        """Return the conditions as SQL; true when there are none."""
        return " and ".join(self.conditions) or "true"


async def plan_for_values(conn: Connection) -> None:
    """Let PostgreSQL plan the rest of this transaction with the values at hand, never in general.

    One plan for all values would read a whole list to find the few rows of a rare status.
    """
    await conn.execute("set local plan_cache_mode = force_custom_plan")
