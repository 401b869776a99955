"""Whatever calls claim, in whatever order and however often: no ledger grants what is not there."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.budgets.ledger import MemoryLedger
from tests.budgets.bank import Books, account, claim

CALLS = ("a", "b", "c")
MINE = [account(100), account(60, caller="ada")]
# A call, what it spends of what it was granted (and a little more), what it wants, said how often.
STEPS = st.lists(
    st.tuples(
        *(st.sampled_from(CALLS), st.integers(0, 120), st.integers(0, 50), st.integers(1, 3)),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_is_spent_within_grants_never_exceeds_a_budget(
    steps: list[tuple[str, int, int, int]],
) -> None:
    async def story() -> None:
        ledger = MemoryLedger(Books().before)
        spent, upto, counted = (dict.fromkeys(CALLS, 0) for _ in range(3))
        too_much = 0
        for call, percent, wants, times in steps:
            granted = upto[call] - spent[call]
            over = percent > 100  # a word more than was paid for
            too_much += over
            spent[call] += granted + 1 if over else granted * percent // 100
            for _ in range(times):
                order = claim(call, spent[call], spent[call] + wants, counted[call])
                upto[call] = (await ledger.claim(MINE, order)).upto
            counted[call] = spent[call]
            assert spent[call] <= upto[call] <= spent[call] + wants
            total, held = sum(spent.values()), sum(upto.values()) - sum(spent.values())
            assert await ledger.look(MINE) == [(total, held)] * 2
            assert total + held <= 60 + too_much

    asyncio.run(story())
