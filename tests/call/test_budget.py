"""What a call costs: exact for what the model reports, by turns for what is written down."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.assistants.responses import tokens
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.dictation import Dictation
from gateway.call.events import Usage
from gateway.call.plan import Plan
from gateway.call.prices import NANO, Prices, Rate
from gateway.plans.planning import prices
from gateway.private import Private

OPENAI = Target(kind="openai", model="gpt-realtime-2.1", api_key=Private("sk-nobody"))
DATA = Path(__file__).parent / "data" / "usage.jsonl"


def bill(response: dict[str, Any]) -> Decimal:
    """The same by hand, as the provider's page says for gpt-realtime-2.1: US dollars."""
    usage = response["usage"] or {"input_token_details": {}, "output_token_details": {}}
    read, written = usage["input_token_details"], usage["output_token_details"]
    cached = read.get("cached_tokens_details", {})
    per_million = Decimal(0)
    for kind, (fresh, again, out) in {
        "text_tokens": ("4", "0.40", "24"),
        "audio_tokens": ("32", "0.40", "64"),
        "image_tokens": ("5", "0.50", "0"),
    }.items():
        kept = cached.get(kind, 0)
        per_million += (read.get(kind, 0) - kept) * Decimal(fresh) + kept * Decimal(again)
        per_million += written.get(kind, 0) * Decimal(out)
    return per_million / 1_000_000


def responses() -> list[dict[str, Any]]:
    return [json.loads(line) for line in DATA.read_text().splitlines()]


@pytest.mark.parametrize("response", responses(), ids=lambda one: one["id"])
def test_a_response_costs_what_the_provider_bills(response: dict[str, Any]) -> None:
    known = prices(OPENAI, "")
    assert Decimal(known.cost(tokens(response))) / NANO == bill(response)


def test_a_model_that_nobody_knows_costs_as_much_as_the_dearest() -> None:
    strange = Target(kind="compatible", base_url="http://there/v1", model="strange-1")
    guessed = prices(strange, "gpt-transcribe")
    dear = prices(OPENAI, "gpt-transcribe")
    assert guessed.guessed
    assert not dear.guessed
    for kind in ("text", "audio", "image"):
        for way in ("input", "cached", "output"):
            assert getattr(getattr(guessed, kind), way) >= getattr(getattr(dear, kind), way)
    assert prices(strange, "strange-writer").transcription == 17_000_000
    assert prices(Target(kind="embedded", base_url="http://here/v1"), "") == Prices()


def test_cached_tokens_beyond_the_input_cost_no_less_than_nothing() -> None:
    known = Prices(text=Rate(4000, 400, 24000))
    assert known.cost(Usage(input_text=5, cached_text=9)) == 9 * 400


PLAN = Plan(rate=24_000, prices=Prices(transcription=4_500_000))
SECOND = bytes(2 * 24_000)


def test_speech_that_the_gateway_cuts_into_turns_is_counted_when_its_words_come() -> None:
    dictation = Dictation(PLAN)
    for effect in (do.SendAudio(SECOND), do.ClearInput(), do.SendAudio(SECOND * 2), do.Commit()):
        dictation.effect(effect)
    dictation.effect(do.SendAudio(SECOND))
    assert dictation.event(on.CallerWords("item", "He", final=False)) == 0
    assert dictation.event(on.CallerWords("item", "Hello", final=True)) == 2_000_000
    assert dictation.event(on.CallerWords("item", "Hello", final=True)) == 0
    assert PLAN.prices.dictation(2_000_000) == 150_000
    assert PLAN.prices.dictation(1) == 1  # a fraction is rounded up


def test_speech_that_the_model_cuts_into_turns_is_counted_as_it_says() -> None:
    dictation = Dictation(PLAN)
    dictation.effect(do.SendAudio(SECOND * 60))
    dictation.event(on.SpeechStarted("item", 24_000))
    dictation.event(on.SpeechStopped("item", 96_000))
    assert dictation.event(on.CallerWords("item", "Hello", final=True)) == 3_000_000
