"""A call within its budget: warned on the way, stopped in mid-answer, ended with a goodbye."""

from __future__ import annotations

from dataclasses import replace

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Usage
from gateway.call.plan import BudgetPolicy, Plan, RecoveryPolicy, RoutingPolicy
from gateway.call.prices import Billed, Prices, Rate
from gateway.call.spending import GO_ON, SHARED_SPENT, SPENT
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


# ---------------------------------------------------------------- budgets that are shared


def shared(**policy: object) -> Story:
    budget = BudgetPolicy(warning="Soon.", shared=True, last_notice=bytes(2 * 24_000))
    return Story(Plan(prices=PRICES, budget=replace(budget, **policy)))  # type: ignore[arg-type]


def grant(told: Story, upto: int | None = None, caller: int = 0, tenant: int = 0) -> None:
    """Answer the last order: with all that it wants, or up to so much."""
    order = told.all(do.Reserve)[-1]
    told.feed(on.Reserved(order.number, order.upto if upto is None else upto, caller, tenant))


def test_money_is_set_aside_while_the_caller_speaks_so_that_the_answer_does_not_wait() -> None:
    told = shared()
    told.speaks(500)
    assert [order.spent for order in told.all(do.Reserve)] == [0]
    grant(told)
    told.silent(400)
    assert len(asked(told)) == 1
    told.begins()
    told.voice(1000)
    ended(told, "resp_1", 1)
    last = told.all(do.Reserve)[-1]
    assert last.spent == last.upto == CENT
    grant(told)
    told.wait(60_000)
    assert told.all(do.Reserve)[-1] == last


def test_an_answer_waits_until_it_is_paid_for() -> None:
    told = shared()
    told.says(1000)
    assert asked(told) == []
    grant(told)
    assert len(asked(told)) == 1


def test_where_nothing_is_left_nobody_asks_the_model_and_a_sentence_is_heard() -> None:
    told = shared()
    told.says(1000)
    grant(told, 0)
    assert notices(told) == ["budget_spent"]
    told.wait(500)
    assert told.samples(do.Play) > 0
    told.wait(1500)
    assert asked(told) == []
    assert told.all(do.End) == [do.End(SHARED_SPENT)]


def test_who_speaks_is_heard_to_the_end_before_the_last_sentence_comes() -> None:
    told = shared()
    told.speaks(500)
    grant(told, 0, caller=100, tenant=100)
    told.speaks(2000)
    told.feed(on.ToolsChanged(()))  # or anything else
    assert notices(told) == ["budget_low"]
    assert len(told.all(do.Reserve)) == 1
    told.silent(400)
    assert notices(told) == ["budget_low", "budget_spent"]
    told.wait(1500)
    assert told.all(do.Flush) == []
    assert told.all(do.End) == [do.End(SHARED_SPENT)]


def test_what_was_refused_for_a_noise_is_asked_again_for_a_turn() -> None:
    told = shared()
    told.speaks(100)
    grant(told, 0)
    told.silent(1000)
    assert not told.call.ended
    told.says(500)
    grant(told)
    assert len(asked(told)) == 1


def test_a_model_that_costs_nothing_needs_no_money() -> None:
    told = Story(Plan(budget=BudgetPolicy(shared=True)))
    told.says(500)
    told.answers(5000)
    assert len(asked(told)) == 1
    assert told.all(do.Reserve) == told.all(do.Cancel) == []


def test_an_answer_stops_where_its_money_does_and_goes_on_when_there_is_more() -> None:
    told = shared()
    told.says(500)
    grant(told)
    told.begins()
    told.voice(8_000)
    assert told.all(do.Reserve)[-1] == do.Reserve(2, 8 * CENT, 23 * CENT)
    told.voice(7_000)  # faster than the order is answered
    assert told.all(do.Cancel) == [do.Cancel("resp_1")]
    told.feed(on.ResponseEnded("resp_1", "cancelled", usage=Usage(output_audio=300)))
    assert len(asked(told)) == 1
    grant(told)
    assert asked(told)[1:] == []
    grant(told)
    assert asked(told)[1:] == [GO_ON]
    told.answers(1000, item="item_b", response="resp_2")
    told.wait(17_000)
    assert told.all(do.Flush) == []
    assert told.samples(do.Play) == 16 * 24_000  # all that was paid for is heard


def test_where_no_more_is_to_be_had_what_is_paid_for_is_heard_before_the_end() -> None:
    told = shared()
    told.says(500)
    grant(told, 12 * CENT)
    told.begins()
    told.voice(11_500)
    assert len(told.all(do.Reserve)) == 1
    told.voice(1_000)
    assert told.all(do.Cancel) == [do.Cancel("resp_1")]
    told.feed(on.ResponseEnded("resp_1", "cancelled", usage=Usage(output_audio=250)))
    grant(told, 125 * CENT // 10)
    told.wait(13_000)
    assert not told.call.ended
    told.wait(1_500)
    assert told.samples(do.Play) == 27 * 12_000
    assert told.all(do.End) == [do.End(SHARED_SPENT)]
    assert len(asked(told)) == 1


def test_who_speaks_into_an_answer_that_was_stopped_is_answered_instead() -> None:
    told = shared()
    told.says(500)
    grant(told, 5 * CENT)
    told.begins()
    told.voice(5_000)
    told.feed(on.ResponseEnded("resp_1", "cancelled", usage=Usage(output_audio=100)))
    told.says(500)
    grant(told)
    assert asked(told) == ["", ""]


def test_an_answer_that_the_model_begins_by_itself_after_the_end_is_not_heard() -> None:
    told = shared()
    told.says(1000)
    grant(told, 0)
    told.begins("resp_9")
    assert told.all(do.Cancel) == [do.Cancel("resp_9")]
    told.voice(3000, "item_z", "resp_9")
    told.feed(on.ResponseEnded("resp_9", "cancelled"))
    told.wait(2500)
    assert told.call.ended
    assert {play.item_id for play in told.all(do.Play)} == {"budget_goodbye"}


def test_a_callers_budget_is_warned_of_and_a_tenants_only_where_it_is_wanted() -> None:
    for policy, caller, tenant, said in (
        ({}, 80, 0, True),
        ({}, 79, 100, False),
        ({"tenant_told": True}, 0, 80, True),
        ({"told": False}, 80, 0, False),
    ):
        told = shared(**policy)
        told.speaks(500)
        grant(told, caller=caller, tenant=tenant)
        told.silent(400)
        told.answers(1000)
        told.wait(3000)
        assert ("Soon." in asked(told)) == said, policy


def test_a_cheaper_model_answers_from_the_next_turn_on_and_is_counted_by_its_own_prices() -> None:
    small = Billed("small", prices=Prices(audio=Rate(output=CENT // 200)))
    for policy, caller, tenant in (({"cheaper": True}, 80, 0), ({"tenant_cheaper": True}, 0, 80)):
        budget = replace(BudgetPolicy(shared=True, told=False), **policy)
        plan = Plan(prices=PRICES, budget=budget, stand_ins=(small,))
        plan = replace(plan, routing=RoutingPolicy(cheaper=1))
        told = Story(replace(plan, recovery=RecoveryPolicy(assistants=2, patience=20_000_000)))
        told.speaks(500)
        grant(told, caller=caller, tenant=tenant)
        assert told.all(do.Dial) == [do.Dial(1, 1)]
        told.silent(400)
        told.begins()
        told.voice(1000)
        ended(told, "resp_1", 1)
        grant(told, caller=caller, tenant=tenant)
        told.feed(on.AssistantReady("sess_2", "small", epoch=1))
        told.wait(2000)
        assert told.all(do.Use) == [do.Use(1)]
        told.says(500)
        grant(told, caller=caller, tenant=tenant)
        told.begins("resp_2")
        told.voice(1000, "item_b", "resp_2")
        ended(told, "resp_2", 1)
        assert [shown.nano for shown in told.all(do.ShowCost)] == [CENT, CENT // 10]


def test_at_the_end_the_caller_is_put_through_and_hung_up_on_where_that_fails() -> None:
    told = shared(transfer="+15550100", transfer_notice=bytes(2 * 12_000))
    told.says(1000)
    grant(told, 0)
    told.wait(1000)
    assert told.all(do.Transfer) == [do.Transfer("+15550100")]
    assert not told.call.ended
    told.feed(on.TransferFailed("+15550100", "busy"))
    told.wait(2000)
    assert asked(told) == []
    assert told.all(do.End) == [do.End(SHARED_SPENT)]
    assert [play.item_id for play in told.all(do.Play)][-1] == "budget_goodbye"
