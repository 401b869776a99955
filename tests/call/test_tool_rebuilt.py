"""A session with the model is lost and rebuilt: it learns every output, and nothing runs twice."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import toolwords as say
from gateway.call.effects import Effect
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan, RecoveryPolicy, ToolSpec
from gateway.call.responses import Responses
from gateway.call.toolcalls import ToolCalls
from tests.call.story import Story

PAY = ToolSpec("pay", "Pays.", {})


class Ledger:
    """A ledger by itself, with the way to the model in the test's hands."""

    def __init__(self) -> None:
        self.outgoing = Outgoing()
        list(self.outgoing.opened())
        self.responses = Responses()
        self.tools = ToolCalls(Plan(tools=(PAY,)), self.outgoing, self.responses)

    def takes(self, call_id: str, arguments: str = '{"euros": 5}') -> list[Effect]:
        ended = on.ResponseEnded("r", "completed", calls=(on.ToolCall(call_id, "pay", arguments),))
        return list(self.tools.take(ended, 0))

    def finishes(self, call_id: str, output: str = "paid") -> list[Effect]:
        return list(self.tools.finish(on.ToolFinished(call_id, output), 0))

    def loses(self) -> None:
        self.outgoing.open = False
        self.responses.suspend("")

    def returns(self) -> list[Effect]:
        list(self.outgoing.opened())
        told = list(self.tools.rebuilt())
        for call_id in tuple(self.tools._ledger):
            told += self.tools.retell(call_id)
        return told


def test_the_new_session_is_told_of_the_calls_and_the_outputs_of_the_old_one() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.finishes("c1")
    ledger.takes("c2", '{"euros": 6}')
    ledger.loses()
    assert ledger.returns() == [
        do.SendToolCall("c1", "pay", '{"euros": 5}'),
        do.SendToolOutput("c1", "paid"),
        do.SendToolCall("c2", "pay", '{"euros": 6}'),
    ]
    assert ledger.finishes("c2")[-1] == do.SendToolOutput("c2", "paid")
    assert ledger.finishes("c2") == []


def test_a_tool_that_ends_while_there_is_no_session_is_told_of_once_in_the_next() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.loses()
    assert [type(effect) for effect in ledger.finishes("c1")] == [do.ShowTool]
    ledger.outgoing = ledger.tools._outgoing = Outgoing()  # what waited goes with the history
    assert ledger.returns() == [
        do.SendToolCall("c1", "pay", '{"euros": 5}'),
        do.SendToolOutput("c1", "paid"),
    ]
    list(ledger.tools.settle(free=True, now=1))
    assert ledger.responses.ask(1) == do.Respond()


def test_a_model_that_has_forgotten_that_it_called_is_given_what_came_of_it() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.finishes("c1")
    ledger.loses()
    ledger.returns()
    again = ledger.takes("c2", '{"euros":5}')
    assert not [effect for effect in again if isinstance(effect, do.RunTool)]
    assert again[-1] == do.SendToolOutput("c2", "paid")


def test_a_call_that_is_still_at_work_is_joined_by_the_forgetful_model() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.loses()
    ledger.returns()
    assert [type(effect) for effect in ledger.takes("c2")] == [do.ShowTool]
    sent = [one for one in ledger.finishes("c1") if isinstance(one, do.SendToolOutput)]
    assert sent == [do.SendToolOutput("c1", "paid"), do.SendToolOutput("c2", "paid")]


def test_what_the_caller_asks_for_again_after_that_is_done_again() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.finishes("c1")
    ledger.loses()
    ledger.returns()
    ledger.tools.caller_turn()
    assert do.RunTool("c2", "pay", '{"euros": 5}') in ledger.takes("c2")


def test_what_was_being_written_when_the_session_was_lost_is_stopped() -> None:
    ledger = Ledger()
    list(ledger.tools.writes(on.ToolArguments("c1", "pay", '{"euros"')))
    ledger.loses()
    assert ledger.returns() == [do.CancelTool("c1")]


def test_calls_of_a_call_that_is_over_are_answered_and_stay_so() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ended = list(ledger.tools.abandon())
    assert do.CancelTool("c1") in ended
    assert ended[-1] == do.SendToolOutput("c1", say.ABANDONED)
    assert ledger.finishes("c1") == []


def test_what_was_never_run_is_run_when_the_new_session_asks_for_it() -> None:
    ledger = Ledger()
    cut = on.ResponseEnded("r", "cancelled", calls=(on.ToolCall("c1", "pay", '{"euros": 5}'),))
    list(ledger.tools.take(cut, 0))
    ledger.loses()
    ledger.returns()
    assert do.RunTool("c2", "pay", '{"euros": 5}') in ledger.takes("c2")


def test_an_output_never_comes_to_a_session_that_does_not_know_the_call() -> None:
    ledger = Ledger()
    ledger.takes("c1")
    ledger.loses()
    list(ledger.outgoing.opened())
    list(ledger.tools.rebuilt())  # and its history is too short to hold the call
    assert ledger.finishes("c1")[-2:] == [
        do.SendToolCall("c1", "pay", '{"euros": 5}'),
        do.SendToolOutput("c1", "paid"),
    ]


def test_a_whole_call_that_loses_its_session_pays_once_and_says_so_once() -> None:
    tale = Story(Plan(tools=(PAY,), recovery=RecoveryPolicy(assistants=1, patience=20_000_000)))
    tale.says(600)
    tale.begins()
    tale.ends(calls=(on.ToolCall("c1", "pay", '{"euros": 5}'),))
    tale.feed(on.AssistantLost("gone", "close_1006"))
    tale.feed(on.ToolFinished("c1", "paid"))
    assert not tale.all(do.SendToolOutput)
    tale.wait(100)
    tale.feed(on.AssistantReady(epoch=1))
    assert tale.all(do.SendToolOutput) == [do.SendToolOutput("c1", "paid")]
    tale.begins("resp_2")
    tale.ends("resp_2", calls=(on.ToolCall("c2", "pay", '{"euros": 5}'),))
    assert len(tale.all(do.RunTool)) == 1
    assert tale.all(do.SendToolOutput)[1:] == [do.SendToolOutput("c2", "paid")]
