"""Sentences that are at hand: when they are said instead of asking the model, and what it knows."""

from __future__ import annotations

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.plan import Phrase, Plan, ToolPolicy
from tests.call.story import Story
from tests.call.toolstory import call, calls, spec

SOUND = b"\x02\x00" * 24_000  # a second
HELLO = Phrase("greeting", "Hello, this is the kettle shop.", SOUND)
HOURS = Phrase("hours", "We are open from nine to five.", SOUND, r"\bopen(?:ing hours)?\b")


def story(*phrases: Phrase, connected: bool = True, **more: object) -> Story:
    return Story(Plan(phrases=phrases, **more), connected=connected)  # type: ignore[arg-type]


def asks(tale: Story, text: str, number: int = 1) -> None:
    tale.says(600)
    tale.feed(on.TurnCommitted(f"item_u{number}"))
    tale.feed(on.CallerWords(f"item_u{number}", text, final=True))


def played(tale: Story) -> list[str]:
    return list(dict.fromkeys(effect.item_id for effect in tale.all(do.Play)))


def reminded(tale: Story) -> list[do.Remind]:
    return tale.all(do.Remind)


def test_the_greeting_is_heard_before_there_is_a_model_which_is_told_of_it() -> None:
    tale = story(HELLO, connected=False, greeting=say.exactly(HELLO.text))
    assert tale.times(do.Play)[0] == 0
    tale.wait(500)
    tale.feed(on.AssistantReady("sess_1", "model"))
    tale.wait(1000)
    assert reminded(tale) == [do.Remind("assistant", HELLO.text)]
    assert tale.samples(do.Play) == 24_000
    assert tale.lines()["phrase_1"].text == HELLO.text
    assert not tale.all(do.Respond)


def test_a_greeting_that_is_not_at_hand_is_asked_of_the_model_as_ever() -> None:
    tale = story(Phrase("greeting", HELLO.text), greeting=say.exactly(HELLO.text))
    assert [effect.instructions for effect in tale.all(do.Respond)] == [say.exactly(HELLO.text)]


def test_what_the_caller_cut_off_was_not_said() -> None:
    tale = story(HELLO, greeting=say.exactly(HELLO.text))
    tale.wait(400)
    tale.speaks(300)
    (told,) = reminded(tale)
    assert 0 < len(told.text) < len(HELLO.text)
    assert HELLO.text.startswith(told.text)
    assert not tale.all(do.Truncate), "the model has no such item"
    assert not tale.all(do.Delete)


def test_a_frequent_question_is_answered_at_once_and_the_model_is_not_asked() -> None:
    tale = story(HOURS)
    asks(tale, "When are you open?")
    assert played(tale) == ["phrase_1"]
    tale.wait(1500)
    assert reminded(tale) == [do.Remind("assistant", HOURS.text)]
    assert not tale.all(do.Respond)
    asks(tale, "And on Sundays?", 2)
    assert len(tale.all(do.Respond)) == 1
    assert tale.all(do.ShowLatency)


def test_a_typed_question_is_answered_so_as_well() -> None:
    tale = story(HOURS)
    tale.feed(on.CallerText("when do you open"))
    assert played(tale) == ["phrase_1"]


def test_the_words_of_a_question_are_waited_for_but_not_for_long() -> None:
    tale = story(HOURS, phrase_patience=300_000)
    tale.says(600)
    asked_at = tale.now
    assert not tale.all(do.Respond)
    tale.wait(1000)
    assert len(tale.all(do.Respond)) == 1
    assert tale.times(do.Respond)[0] * 1000 - asked_at <= 300_000
    tale.feed(on.TurnCommitted("item_u1"))
    tale.feed(on.CallerWords("item_u1", "When are you open?", final=True))
    assert not tale.all(do.Play), "the model is at it already"


def test_nothing_waits_where_no_answer_is_at_hand() -> None:
    for tale in (story(), story(HELLO), story(Phrase("hours", asks="open"))):
        tale.says(600)
        assert len(tale.all(do.Respond)) == 1


@pytest.mark.parametrize(
    "question",
    [
        "Cancel my order.",
        "I opened the box and the kettle does not work, are you open, and can I send it back now?",
    ],
    ids=["another", "more than its pattern says"],
)
def test_any_other_question_is_for_the_model(question: str) -> None:
    tale = story(HOURS)
    asks(tale, question)
    assert len(tale.all(do.Respond)) == 1
    assert not tale.all(do.Play)


def test_the_words_of_an_earlier_turn_answer_no_later_one() -> None:
    tale = story(HOURS)
    tale.says(600)
    tale.feed(on.TurnCommitted("item_u1"))
    tale.says(600)
    tale.feed(on.TurnCommitted("item_u2"))
    tale.feed(on.CallerWords("item_u1", "When are you open?", final=True))
    assert not tale.all(do.Play)
    tale.feed(on.CallerWords("item_u2", "No, tell me about kettles.", final=True))
    assert not tale.all(do.Play)
    assert len(tale.all(do.Respond)) == 1


def test_a_word_meanwhile_comes_from_hand_while_a_tool_works() -> None:
    wait = Phrase("wait", "One moment, please.", SOUND)
    tooling = ToolPolicy(phrase=wait.text)
    tale = story(wait, tools=(spec("look_up"),), tooling=tooling)
    tale.says(600)
    calls(tale, call())
    tale.wait(1_100)
    assert played(tale) == ["phrase_1"]
    assert len(tale.all(do.Respond)) == 1
    tale.wait(1_500)
    tale.feed(on.ToolFinished("c1", "found"))
    assert len(tale.all(do.Respond)) == 2


def test_a_program_that_asks_for_an_answer_gets_the_models() -> None:
    tale = story(HOURS, relays=True)
    asks(tale, "When are you open?")
    assert len(tale.all(do.Respond)) == 1
