"""Budgets in the books: what operators have given to tenants and callers, and what they spent."""

from __future__ import annotations

from sqlalchemy import delete, func, select, text

from gateway.store.database import Database
from gateway.store.given import Given
from gateway.store.tables import budgets, calls, usage
from gateway.store.writes import cleaned

LONGEST_CALL_MS = 86_400_000  # a call that began before a period may go on into it


class BudgetTable:
    """Those of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = 0  # the newest change that is known here

    async def give(self, given: Given) -> None:
        """Let it hold for every gateway of this database. One that is empty takes it back."""
        row = cleaned({"tenant": given.tenant, "caller": given.caller})
        amounts = {"call_nano": given.call, "day_nano": given.day, "month_nano": given.month}
        table = budgets.c
        async with self._database.change() as connection:
            if not self._database.is_sqlite:  # two changes at once would have one number
                await connection.execute(text("LOCK TABLE budgets IN SHARE ROW EXCLUSIVE MODE"))
            newest = await connection.execute(select(func.coalesce(func.max(table.change), 0)))
            change = int(newest.scalar_one()) + 1
            mine = (table.tenant == row["tenant"]) & (table.caller == row["caller"])
            await connection.execute(delete(budgets).where(mine))
            await connection.execute(budgets.insert().values(**row, **amounts, change=change))

    async def news(self) -> list[Given]:
        """What was changed since this was asked last. Raises StoreError."""
        query = select(budgets).where(budgets.c.change > self._seen).order_by(budgets.c.change)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        if rows:
            self._seen = rows[-1].change
        return [
            Given(row.tenant, row.caller, row.call_nano, row.day_nano, row.month_nano)
            for row in rows
        ]

    async def spent(self, tenant: str, caller: str, began_ms: int, ends_ms: int) -> int:
        """What that tenant or caller spent in that time, in nanodollars. Raises StoreError."""
        names = cleaned({"tenant": tenant, "caller": caller})
        query = select(func.coalesce(func.sum(usage.c.cost_nano), 0)).where(
            usage.c.tenant == names["tenant"], usage.c.at_ms >= began_ms, usage.c.at_ms < ends_ms
        )
        if caller:
            theirs = select(calls.c.id).where(
                calls.c.tenant == names["tenant"],
                calls.c.caller == names["caller"],
                calls.c.began_ms >= began_ms - LONGEST_CALL_MS,
                calls.c.began_ms < ends_ms,
            )
            query = query.where(usage.c.call_id.in_(theirs))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())
