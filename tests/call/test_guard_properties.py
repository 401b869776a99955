"""Whatever order things come in, what was stopped is never played, and nothing is held for ever."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.call import effects as do
from gateway.call import events as on
from tests.call.guardstory import ASKS, NO_ADVICE, story
from tests.call.story import Story

BAD = 9  # the mark of sound that comes after forbidden words
WORDS = ("All is ", "well. ", "buy ", "shares ", "Buy shares. ", " ", "4.", "5 items, ")
ITEMS = ("item_a", "item_b")

STEP = st.one_of(
    st.tuples(st.just("words"), st.sampled_from(ITEMS), st.sampled_from(WORDS)),
    st.tuples(st.just("sound"), st.sampled_from(ITEMS), st.integers(20, 400)),
    st.tuples(st.just("ended"), st.sampled_from(ITEMS), st.just(0)),
    st.tuples(st.just("answer"), st.sampled_from(("completed", "failed")), st.just(0)),
    st.tuples(st.just("checked"), st.sampled_from(("hate", "none", "")), st.integers(1, 6)),
    st.tuples(st.just("wait"), st.just(""), st.integers(1, 600)),
    st.tuples(st.just("speak"), st.just(""), st.integers(100, 300)),
    st.tuples(st.just("lost"), st.just(""), st.just(0)),
)


class Teller:
    """Tells a story step by step, as a model would that keeps to its protocol."""

    def __init__(self, told: Story) -> None:
        self.told = told
        self.number = 1
        self.said: dict[str, str] = {}
        self.received: Counter[str] = Counter()  # samples of each item

    def step(self, kind: str, name: str, number: Any) -> None:
        told, response = self.told, f"resp_{self.number}"
        item = f"{name}_{self.number}"
        match kind:
            case "words":
                self.said[item] = self.said.get(item, "") + number
                told.feed(on.AssistantWords(response, item, number))
            case "sound":
                mark = BAD if "buy shares" in self.said.get(item, "").lower() else 1
                pcm = bytes([mark]) * (48 * number)
                self.received[item] += 24 * number
                told.feed(on.AssistantAudio(response, item, pcm))
            case "ended":
                told.feed(on.ItemEnded(response, item))
            case "answer":
                call = on.ToolCall(f"c{self.number}", "look_up", "{}")
                told.feed(on.ResponseEnded(response, name, calls=(call,)))  # type: ignore[arg-type]
                self.number += 1
                told.wait(300)
                told.begins(f"resp_{self.number}")
            case "checked":
                scores = {f"flagged:{name}": 1.0}
                told.feed(on.Checked(f"check_{number}", scores, "" if name else "failed"))
            case "wait":
                told.wait(number)
            case "speak":
                told.speaks(number)
            case "lost":
                told.feed(on.AssistantLost("gone"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STEP, max_size=30),
    st.booleans(),
    st.sampled_from([(NO_ADVICE,), (NO_ADVICE, ASKS)]),
    st.booleans(),
)
def test_the_ledger_stays_true(
    steps: list[tuple[str, str, Any]], closed: bool, rules: Any, reports: bool
) -> None:
    told = story(*rules, closed=closed, patience=500_000)
    told.feed(on.CallerJoined(reports_playback=reports))
    teller = Teller(told)
    for step in steps:
        teller.step(*step)
    told.wait(600)
    guard = told.call._guard
    assert told.call.ended or (guard.deadline is None and not guard._speech.held)
    check(told, teller.received)


def check(told: Story, received: Counter[str]) -> None:
    sent: Counter[str] = Counter()
    outputs: Counter[str] = Counter()
    for effect in (effect for _, effect in told.log):
        match effect:
            case do.Play(item_id, pcm, position):
                assert position == sent[item_id]
                sent[item_id] += len(pcm) // 2
                assert BAD not in pcm
            case do.Truncate(item_id, heard):
                assert 0 < heard <= received[item_id]
            case do.SendToolOutput(call_id):
                outputs[call_id] += 1
                assert outputs[call_id] == 1


def test_the_same_events_give_the_same_orders() -> None:
    def tell() -> Story:
        told = story(NO_ADVICE, ASKS)
        teller = Teller(told)
        for step in (
            *(("words", "item_a", one) for one in WORDS[:2]),
            ("sound", "item_a", 300),
            ("checked", "hate", 1),
            ("wait", "", 900),
            ("answer", "completed", 0),
        ):
            teller.step(*step)
        return told

    assert tell().log == tell().log
