"""A tool that needs the caller's consent runs by the caller's own words, and by nothing else."""

from __future__ import annotations

import pytest

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.agreement import agrees
from gateway.call.plan import Plan, ToolSpec
from tests.call.story import Story

SCHEMA = {"type": "object", "required": ["order_number"]}
SPEC = ToolSpec("cancel_order", "Cancels.", SCHEMA, confirm=True)
ORDER = '{"order_number": "4217"}'


class Desk(Story):
    """A story in which the model wants to cancel an order."""

    def wants(self, call_id: str, response: str, arguments: str = ORDER) -> None:
        self.begins(response)
        made = on.ToolCall(call_id, "cancel_order", arguments)
        self.ends(response, calls=(made,))

    def asks(self, response: str, item: str) -> None:
        """The assistant's question, as far as the caller hears it."""
        self.answers(1_000, "Shall I cancel it?", item, response)
        self.wait(1_100)

    def replies(self, item: str, words: str = "", *, heard: bool = True) -> None:
        """The caller's turn, and what is recognised of it."""
        self.says(400)
        self.feed(on.TurnCommitted(item))
        if heard:
            self.feed(on.CallerWords(item, words, final=True))

    def outputs(self) -> dict[str, str]:
        return {one.call_id: one.output for one in self.all(do.SendToolOutput)}


def desk() -> Desk:
    told = Desk(Plan(tools=(SPEC,)))
    told.replies("item_1", "Cancel my order, yes.")  # that yes is no answer to any question
    told.wants("c1", "resp_1")
    return told


def test_the_first_call_is_answered_with_what_to_ask_and_nothing_is_run() -> None:
    told = desk()
    assert told.outputs() == {"c1": say.ask_first("cancel_order", {"order_number": "4217"})}
    assert "Shall I go ahead with this: cancel order, order number 4217?" in told.outputs()["c1"]
    assert not told.all(do.RunTool)


@pytest.mark.parametrize(
    ("arguments", "says"), [("{}", "What is missing: order_number."), ("[1]", "as a JSON object.")]
)
def test_the_caller_is_not_asked_about_arguments_that_are_not_whole(
    arguments: str, says: str
) -> None:
    told = Desk(Plan(tools=(SPEC,)))
    told.replies("item_1", "Cancel it.")
    for number in range(4):
        told.wants(f"c{number}", f"resp_{number}", arguments)
    assert told.outputs()["c0"].endswith(says)
    assert told.outputs()["c3"] == say.give_up("cancel_order")
    assert not told.all(do.RunTool)


def test_after_the_callers_yes_the_same_call_runs_and_the_words_are_kept() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", "Yes, please cancel it.")
    told.wants("c2", "resp_3", '{"order_number":"4217"}')
    assert told.all(do.RunTool) == [
        do.RunTool("c2", "cancel_order", '{"order_number":"4217"}', "Yes, please cancel it.")
    ]


def test_a_yes_counts_once() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", "Yes.")
    told.wants("c2", "resp_3")
    told.feed(on.ToolFinished("c2", "cancelled"))
    told.wants("c3", "resp_4")
    assert len(told.all(do.RunTool)) == 1
    assert "needs_consent" in told.outputs()["c3"]


def test_the_models_word_alone_runs_nothing_however_often_it_calls() -> None:
    told = desk()
    for number in range(2, 6):
        told.wants(f"c{number}", f"resp_{number}")
    assert not told.all(do.RunTool)
    assert len(told.outputs()) == 5


def test_a_yes_to_something_that_was_not_heard_yet_does_not_count() -> None:
    told = desk()
    told.begins("resp_2")  # the question is on its way, and not a sound of it has been played
    told.replies("item_2", "Yes yes yes.")
    told.ends("resp_2", "cancelled")
    told.wants("c2", "resp_3")
    assert not told.all(do.RunTool)


def test_a_yes_to_one_order_is_none_to_another() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", "Yes.")
    told.wants("c2", "resp_3", '{"order_number": "4218"}')
    assert not told.all(do.RunTool)


def test_a_no_is_told_to_the_model_and_the_question_has_to_be_put_anew() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", "No, leave it.")
    told.wants("c2", "resp_3")
    assert told.outputs()["c2"] == say.REFUSED
    told.wants("c3", "resp_4")
    assert "needs_consent" in told.outputs()["c3"]
    assert not told.all(do.RunTool)


def test_words_that_say_neither_leave_the_question_open_for_a_clearer_answer() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", "How much do I get back?")
    told.wants("c2", "resp_3")
    assert told.outputs()["c2"] == say.UNCLEAR
    told.asks("resp_4", "item_4")
    told.replies("item_5", "Okay, go ahead.")
    told.wants("c3", "resp_5")
    assert [one.consent for one in told.all(do.RunTool)] == [
        "How much do I get back? / Okay, go ahead."
    ]


def test_a_call_that_comes_before_the_words_are_recognised_waits_for_them() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", heard=False)
    told.wants("c2", "resp_3")
    assert "c2" not in told.outputs()
    assert not told.all(do.RunTool)
    told.wait(900)
    told.feed(on.CallerWords("item_3", "Yes", final=True))
    assert [one.call_id for one in told.all(do.RunTool)] == ["c2"]


def test_where_nothing_is_ever_recognised_nothing_is_run() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.replies("item_3", heard=False)
    told.wants("c2", "resp_3")
    told.wait(5_000)
    assert told.outputs()["c2"] == say.UNCLEAR
    assert not told.all(do.RunTool)


def test_a_typed_yes_is_as_good_as_a_spoken_one() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.feed(on.CallerText("yes"))
    told.wants("c2", "resp_3")
    assert [one.consent for one in told.all(do.RunTool)] == ["yes"]


def test_a_question_of_long_ago_is_asked_again() -> None:
    told = desk()
    told.asks("resp_2", "item_2")
    told.wait(180_000)
    told.replies("item_3", "Yes.")
    told.wants("c2", "resp_3")
    assert not told.all(do.RunTool)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Yes.", True),
        ("yeah sure go ahead", True),
        ("Yes, please cancel it.", True),
        ("Yes, stop it.", True),
        ("Okay.", True),
        ("Do it!", True),
        ("Of course", True),
        ("Ja, gerne.", True),
        ("D\u2019accord", True),
        ("Sí, por favor", True),
        ("はい。", True),
        ("No.", False),
        ("No thanks", False),
        ("Don't do that.", False),
        ("Stop!", False),
        ("Nein", False),
        ("Yes, but not today.", None),
        ("Yes if it is free", None),
        ("No wait, yes.", None),
        ("Are you sure", None),
        ("Okay, what happens then?", None),
        ("Can you repeat that, please?", None),
        ("Please repeat that.", None),
        ("The blue one", None),
        ("", None),
    ],
)
def test_only_a_plain_yes_is_a_yes(words: str, said: bool | None) -> None:
    assert agrees(words) is said
