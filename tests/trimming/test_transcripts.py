"""What the model understands is the same with and without trimming, over all samples."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import clock
from gateway.call import effects as do
from gateway.call import events as on
from gateway.embedded.hearing import MoonshineEars
from gateway.embedded.server import Assistant
from gateway.embedded.thinking import find_mind
from gateway.files import samples_dir
from tests.bench.trimming import Hear, Words, converse, spoken, whole_turns, wrong
from tests.house import ToneMouth
from tests.trimming.line import POLICIES, Caller, Everything, Log, call, clips, policy
from tests.trimming.words import errors, normal

pytestmark = [pytest.mark.models, pytest.mark.long]

# Less time between the clips than people take. Some end in silence longer than a shorter answer.
QUICKLY: Any = {"think": 1.0, "answer": "Yes, of course it is."}
# Of every so many clips the one at this place: where the model detects the turns, two share them.
SHARES = {"gateway": (0, 1), "server": (0, 2), "semantic": (1, 2)}


@pytest.fixture(scope="module")
def whole(hear: Hear) -> Words:
    """What is heard of each clip when nothing is trimmed and each is committed as it is."""
    return whole_turns(hear)


@pytest.mark.parametrize("detector", POLICIES)
def test_trimming_makes_no_new_error(detector: str, hear: Hear, whole: Words) -> None:
    place, every = SHARES[detector]
    measured = converse(policy(detector), hear, said=spoken()[place::every], **QUICKLY)
    whole = {name: whole[name] for name in measured.words}
    said = {name: normal(clips()[name].text) for name in whole}
    worse = {
        name: (words, whole[name])
        for name, words in measured.words.items()
        if errors(said[name], normal(words)) > errors(said[name], normal(whole[name]))
    }
    assert worse == {}
    assert wrong(measured.words) <= wrong(whole)
    # Words that are misheard either way ("clubs") may be misheard in another way.
    others = [n for n in whole if normal(measured.words[n]) != normal(whole[n])]
    assert all(errors(said[name], normal(whole[name])) for name in others)
    assert measured.sent < 0.7 * measured.heard


def test_a_model_that_detects_turns_hears_the_same_when_everything_is_sent(
    hear: Hear, whole: Words
) -> None:
    measured = converse(policy("server"), hear, Everything(), said=spoken()[1::2], **QUICKLY)
    assert measured.sent == measured.heard
    assert {n: normal(w) for n, w in measured.words.items()} == {
        n: normal(whole[n]) for n in measured.words
    }


@pytest.mark.parametrize("detector", POLICIES)
def test_an_order_number_after_a_pause_belongs_to_the_sentence_before_it(
    detector: str, hear: Hear
) -> None:
    async def script(caller: Caller) -> None:
        await caller.listen(1)
        await caller.say(clips()["commands/order_number_with_pause"].pcm)
        await caller.wait_answer()

    async def live() -> Log:
        ears, mind = MoonshineEars(hear), find_mind()
        desk = samples_dir() / "orderdesk.py"
        try:
            parts = Assistant(ears, mind, ToneMouth())
            return await call(script, policy(detector), parts, tools=desk)
        finally:
            await ears.close()
            await mind.close()

    log = clock.run(live())
    (order,) = log.all(do.RunTool)
    assert (order.name, order.arguments) == ("look_up_order", '{"order_number": "4217"}')
    turns = 1 if detector == "semantic" else 2  # its model knows that "is" ends no sentence
    assert len(log.all(on.TurnCommitted)) == turns
    assert "4217" in log.answers()[-1].text
