"""Budgets in a whole gateway: calls end where the money does, also after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import func, select

from audio import wav
from audio.tone import sine
from gateway.call.prices import NANO
from gateway.call.spending import SHARED_SPENT
from gateway.replay import Replay
from gateway.store.tables import calls, usage
from tests.house import House
from tests.whole import BriefMind, Typist, open_whole, typing

LIMIT = 0.12  # US dollars
MIND = BriefMind("This is an answer of some length, so that it costs a little more.")
PAID = {"TRUNKLINE_ASSISTANT__KIND": "compatible", "TRUNKLINE_ASSISTANT__MODEL": "nobody-knows-it"}


@asynccontextmanager
async def paid_house(folder: Path, **budget: object) -> AsyncIterator[House]:
    """A gateway whose model is paid by the dearest prices, and that keeps books."""
    wav.write(folder / "bye.wav", sine(440, 0.1, 24_000), 24_000)
    told = PAID | {
        "TRUNKLINE_TAPS__JOURNAL": str(folder / "journals"),
        "TRUNKLINE_BUDGET__GOODBYE_SOUND": str(folder / "bye.wav"),
        "TRUNKLINE_STORE__URL": str(folder / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(folder / "spill"),
        **{f"TRUNKLINE_BUDGET__{name.upper()}": str(value) for name, value in budget.items()},
    }
    async with open_whole(told, MIND) as house:
        yield house


async def talks_on(caller: Typist) -> list[float]:
    """Ask and ask, into every answer, until the call is ended; says what each answer cost."""
    costs = []
    while True:
        await caller.type("And then?")
        said = await caller.wait_for_any("cost", "ended")
        if said["type"] == "ended":
            assert said["reason"] == SHARED_SPENT
            return costs
        costs.append(said["usd"])


async def test_calls_at_once_spend_what_there_is_and_one_answer_more_at_most(
    tmp_path: Path,
) -> None:
    async with paid_house(tmp_path, tenant_day_usd=LIMIT, at_warning="nothing") as house:
        async with typing(house) as one, typing(house) as two, typing(house) as three:
            costs = await asyncio.gather(*map(talks_on, (one, two, three)))
        store, budgets = house.gateway.store, house.gateway.budgets
        assert store is not None
        assert budgets is not None
        await store.writer.wait_written()
        async with store.database.read() as connection:
            booked = (await connection.execute(select(func.sum(usage.c.cost_nano)))).scalar_one()
            ended = set((await connection.execute(select(calls.c.reason))).scalars())
        assert ended == {SHARED_SPENT}
        assert LIMIT / 2 < booked / NANO <= LIMIT + max(max(each, default=0) for each in costs)
        assert await budgets.look(budgets.accounts("default", "")) == [(booked, 0)] * 2

    for journal in (tmp_path / "journals").iterdir():
        assert '"event":"Reserved"' in journal.read_text()
        assert list(Replay(journal).differences()) == []

    async with paid_house(tmp_path, tenant_day_usd=booked / NANO) as house, typing(house) as late:
        assert await talks_on(late) == []
    async with paid_house(tmp_path, tenant_day_usd=LIMIT + 1) as house, typing(house) as more:
        await more.type("And then?")
        await more.wait_for("cost")
