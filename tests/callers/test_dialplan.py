"""What a dialplan is told to do next: by which targets, once, and for how long."""

from __future__ import annotations

import pytest

from gateway.callers.dialplan import LIMIT, DialplanLine, Outcomes
from gateway.callers.line import LineError


@pytest.mark.parametrize("target", ["agents", "+15551234", "sip:agent@pbx.test;x=1", "*72#"])
async def test_a_target_is_told_once(target: str) -> None:
    outcomes = Outcomes()
    await DialplanLine("word", outcomes).transfer(target)
    assert outcomes.take("word") == f"transfer|{target}"
    assert outcomes.take("word") is None


@pytest.mark.parametrize(
    "target", ["a|b", "1)\nSystem(rm", "${EVIL}", "a b", "1,1", "x" * 200, "", 'a"', "é", "1\n"]
)
async def test_a_target_that_a_dialplan_might_misread_is_refused(target: str) -> None:
    outcomes = Outcomes()
    with pytest.raises(LineError, match="letters, digits and"):
        await DialplanLine("word", outcomes).transfer(target)
    assert not len(outcomes)


async def test_a_call_without_a_ticket_cannot_be_put_through_and_ends_without_a_word() -> None:
    outcomes = Outcomes()
    line = DialplanLine("", outcomes)
    with pytest.raises(LineError, match="without a ticket"):
        await line.transfer("agents")
    await line.hang_up("done")
    assert not len(outcomes)


def test_what_is_next_is_remembered_for_a_minute_and_for_so_many_calls() -> None:
    now = [0.0]
    outcomes = Outcomes(lambda: now[0])
    outcomes.put("late", "ended|16")
    now[0] = 59.0
    outcomes.put("early", "ended|16")
    now[0] = 60.5
    assert outcomes.take("late") is None
    assert outcomes.take(" EARLY ") == "ended|16"
    for number in range(LIMIT + 5):
        outcomes.put(str(number), "ended|16")
    assert (len(outcomes), outcomes.take("4"), outcomes.take("5")) == (LIMIT, None, "ended|16")
