"""The meter: exact after each report, and close to it while the assistant still speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.assistants.responses import tokens
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.events import Usage
from gateway.call.meter import Meter
from gateway.call.plan import Plan
from gateway.plans.planning import prices
from gateway.private import Private

DATA = Path(__file__).parent / "data" / "usage.jsonl"
RATE = 24_000
PRICES = prices(Target(kind="openai", model="gpt-realtime-2.1", api_key=Private("sk")), "")
PLAN = Plan(rate=RATE, prices=PRICES, transcription="gpt-transcribe")


def sound(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def reported(response_id: str, usage: Usage) -> on.ResponseEnded:
    return on.ResponseEnded(response_id, "completed", usage=usage)


def bills() -> list[dict[str, Any]]:
    return [json.loads(line) for line in DATA.read_text().splitlines()]


def test_after_each_report_of_the_reference_trace_it_is_exact() -> None:
    meter = Meter(PLAN)
    total = 0
    for bill in bills():
        meter.see(on.ResponseStarted(bill["id"]))
        meter.see(on.AssistantAudio(bill["id"], "item", sound(1)))
        assert meter.spent > total
        usage = tokens(bill)
        meter.see(reported(bill["id"], usage))
        total += PRICES.cost(usage)
        assert meter.spent == total


def test_while_it_speaks_it_is_within_two_percent_of_the_bill_that_comes() -> None:
    """Turns whose usage follows from what was said and heard, as OpenAI counts it."""
    meter = Meter(PLAN)
    text, audio = 600, 0
    for turn in range(6):
        before = meter.spent
        meter.see(do.SendAudio(sound(3)))
        meter.see(do.Commit())
        meter.see(on.ResponseStarted(f"r{turn}"))
        for _ in range(40):
            meter.see(on.AssistantAudio(f"r{turn}", "item", sound(0.1)))
        estimate = meter.spent - before
        usage = Usage(
            input_text=text,
            input_audio=audio + 30,
            cached_text=text if turn else 0,
            cached_audio=audio if turn else 0,
            output_text=16 if turn else 18,
            output_audio=80,
        )
        bill = PRICES.cost(usage)
        if turn > 1:  # the first report tells how long the instructions are, and of the voice
            assert abs(estimate - bill) < 0.02 * bill, turn
        meter.see(reported(f"r{turn}", usage))
        assert meter.spent - before == bill
        text, audio = text + usage.output_text, audio + 30 + 80


def test_speech_that_is_written_down_is_counted() -> None:
    meter = Meter(PLAN)
    meter.see(do.SendAudio(sound(60)))
    meter.see(do.Commit())
    assert meter.spent == 0
    meter.see(on.CallerWords("item", "A long tale.", final=True))
    assert meter.spent == 4_500_000


def test_a_failed_answer_costs_nothing_and_one_of_two_at_work_is_settled_by_itself() -> None:
    meter = Meter(PLAN)
    meter.see(on.ResponseStarted("a"))
    meter.see(on.AssistantAudio("a", "item", sound(5)))
    meter.see(on.ResponseEnded("a", "failed"))
    assert meter.spent == 0
    meter.see(on.ResponseStarted("b"))
    meter.see(reported("c", Usage(output_text=10)))
    meter.see(on.AssistantAudio("b", "item", sound(1)))
    words = round(20 * 0.2) * 24_000  # that go with a second of speech
    assert meter.spent == 10 * 24_000 + 20 * 64_000 + words + 10 * 400
