"""A call within its budget: warned on the way, stopped in mid-answer, ended with a goodbye."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Usage
from gateway.call.plan import BudgetPolicy, Plan
from gateway.call.prices import Prices, Rate
from gateway.call.spending import SPENT
from tests.call.story import Story

CENT = 10_000_000
PRICES = Prices(audio=Rate(output=CENT // 20))  # a cent for a second of the assistant's voice


def story(cents: int, percent: int = 80) -> Story:
    budget = BudgetPolicy(cents * CENT, percent, "Soon.", "Goodbye.")
    return Story(Plan(prices=PRICES, budget=budget))


def asked(told: Story) -> list[str]:
    return [effect.instructions for effect in told.all(do.Respond)]


def notices(told: Story) -> list[str]:
    return [effect.code for effect in told.all(do.ShowNotice)]


def ended(told: Story, response: str, seconds: int) -> None:
    told.feed(on.ResponseEnded(response, "completed", usage=Usage(output_audio=20 * seconds)))


def test_a_call_without_a_budget_goes_on() -> None:
    told = story(0)
    told.says(1000)
    told.answers(60_000)
    assert notices(told) == []


def test_a_long_answer_is_stopped_in_the_middle_and_the_call_ends_with_a_goodbye() -> None:
    told = story(5)
    told.says(1000)
    told.begins()
    told.voice(3900)
    assert notices(told) == []
    told.voice(400)  # a sound of 4.3 s has been paid for
    assert notices(told) == ["budget_low"]
    told.wait(500)
    told.voice(800)
    assert notices(told) == ["budget_low", "budget_spent"]
    assert told.all(do.Cancel) == [do.Cancel("resp_1")]
    assert len(told.all(do.Flush)) == 1
    ended(told, "resp_1", 5)
    assert asked(told)[-1] == "Goodbye."
    told.answers(1000, response="resp_2", item="item_b")
    assert not told.call.ended
    told.wait(1500)
    assert told.call.ended
    assert told.all(do.End) == [do.End(SPENT)]


def test_at_the_end_nothing_but_the_goodbye_is_paid_for() -> None:
    told = story(2, percent=100)
    told.says(1000)
    told.begins()
    told.voice(3000)
    ended(told, "resp_1", 3)
    count = len(asked(told))
    assert asked(told)[-1] == "Goodbye."
    told.begins("resp_2")
    told.voice(3000, "item_b", "resp_2")
    told.wait(500)
    told.says(1000)  # the caller talks into it
    ended(told, "resp_2", 1)
    told.wait(100)
    assert len(asked(told)) == count
    told.wait(40_000)
    assert told.call.ended


def test_the_warning_is_spoken_once_and_the_call_goes_on() -> None:
    told = story(100, percent=3)
    told.says(1000)
    told.answers(4000)
    ended(told, "resp_1", 4)
    told.wait(5000)
    assert asked(told)[-1] == "Soon."
    told.answers(1000, response="resp_2", item="item_b")
    told.wait(2000)
    told.says(1000)
    assert asked(told).count("Soon.") == 1
    assert not told.call.ended


def test_what_the_model_reports_corrects_what_was_estimated() -> None:
    told = story(5)
    told.says(1000)
    told.begins()
    told.voice(4500)
    ended(told, "resp_1", 1)  # it was cut short before it was all made
    told.wait(6000)
    told.says(1000)
    told.begins("resp_3")
    told.voice(3000, "item_c", "resp_3")
    assert "budget_spent" not in notices(told)


def test_an_answer_that_is_paid_for_is_heard_to_its_end_before_the_goodbye() -> None:
    told = story(2, percent=100)
    told.says(1000)
    told.begins()
    told.voice(1900)
    ended(told, "resp_1", 2)
    assert notices(told) == ["budget_spent"]
    assert told.all(do.Flush) == []
    assert asked(told)[-1] == "Goodbye."


def test_what_a_tool_brings_after_the_goodbye_was_asked_for_leads_to_no_answer() -> None:
    told = story(2, percent=100)
    told.says(1000)
    told.begins()
    told.feed(
        on.ResponseEnded(
            "resp_1",
            "completed",
            calls=(on.ToolCall("call_1", "look", "{}"),),
            usage=Usage(output_audio=60),
        )
    )
    assert asked(told)[-1] == "Goodbye."
    count = len(asked(told))
    told.feed(on.ToolFinished("call_1", "done"))
    assert len(told.all(do.SendToolOutput)) == 1
    told.answers(1000, response="resp_2", item="item_b")
    told.wait(1500)
    assert len(asked(told)) == count
    assert told.call.ended
