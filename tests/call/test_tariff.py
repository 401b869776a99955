"""The tariff: after another model has taken over, a call counts by that one's prices."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Usage
from gateway.call.meter import Meter
from gateway.call.plan import Plan, ToolSpec
from gateway.call.prices import Billed, Prices, Rate
from gateway.call.tariff import Tariff

DEAR = Prices(text=Rate(output=100), audio=Rate(output=1000), transcription=60_000_000)
CHEAP = Prices(audio=Rate(output=10), transcription=6_000_000)
LOOK = ToolSpec("look", "Looks.", {}, price=5_000)
PLAN = Plan(
    prices=DEAR,
    model="dear",
    tools=(LOOK,),
    stand_ins=(Billed("cheap", "writer", CHEAP), Billed("free")),
)
ANSWER = Usage(output_audio=20)
RUN = do.RunTool("call_1", "look", "{}")


def reported(name: str) -> on.ResponseEnded:
    return on.ResponseEnded(name, "completed", usage=ANSWER)


def test_the_model_that_is_dialled_is_paid_once_it_is_used() -> None:
    tariff = Tariff(PLAN)
    tariff.see(do.Dial(1, 1))
    assert tariff.billed.model == "dear"
    tariff.see(do.Use(1))
    assert tariff.billed == Billed("cheap", "writer", CHEAP)
    tariff.see(do.Dial(2, 2))
    tariff.see(do.Dial(0, 3))
    tariff.see(do.Use(3))
    assert tariff.prices == DEAR


def test_a_run_of_a_tool_costs_what_was_declared_also_of_one_that_came_later() -> None:
    tariff = Tariff(PLAN)
    assert tariff.tool(RUN) == 5_000
    tariff.see(on.ToolsChanged((ToolSpec("look", "Looks.", {}, price=7),)))
    assert tariff.tool(RUN) == 7
    tariff.see(on.ToolsChanged(()))
    assert tariff.tool(RUN) == 0


def test_the_meter_counts_each_answer_by_the_model_that_gave_it() -> None:
    meter = Meter(PLAN)
    meter.see(on.ResponseStarted("a"))
    meter.see(reported("a"))
    assert meter.spent == 20_000
    meter.see(do.Dial(1, 1))
    meter.see(do.Use(1))
    meter.see(on.ResponseStarted("b"))
    meter.see(reported("b"))
    assert meter.spent == 20_200
    meter.see(RUN)
    assert meter.spent == 25_200


def test_what_a_lost_model_was_making_stays_counted_at_its_price() -> None:
    meter = Meter(PLAN)
    meter.see(on.ResponseStarted("a"))
    meter.see(on.AssistantAudio("a", "item", bytes(2 * PLAN.rate)))
    before = meter.spent
    assert before == 20 * 1000 + 4 * 100
    meter.see(do.Dial(1, 1))
    meter.see(do.Use(1))
    assert meter.spent == before
