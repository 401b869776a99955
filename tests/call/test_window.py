"""A long call's session is replaced by one that is told less, so that it stays within tokens."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, RecoveryPolicy
from gateway.call.upstream import REANCHOR, RECORD
from tests.call.story import Story

SECOND = 1_000_000
PLAN = Plan(recovery=RecoveryPolicy(patience=20 * SECOND), window=100)


def turn(tale: Story, number: int, read: int) -> None:
    """A turn of both sides; the answer says how much was read for it."""
    tale.says(600)
    tale.feed(on.TurnCommitted(f"item_{number}"))
    words = f"Please book table number {number} for me now"
    tale.feed(on.CallerWords(f"item_{number}", words, final=True))
    item, response = f"item_a{number}", f"resp_{number}"
    tale.begins(response)
    tale.words(f"Table {number} is booked for you.", item, response)
    tale.voice(500, item, response)
    tale.feed(on.ItemEnded(response, item))
    used = on.Usage(input_text=read // 2, input_audio=read - read // 2)
    tale.feed(on.ResponseEnded(response, "completed", usage=used))
    tale.wait(3000)


def test_when_it_reads_too_much_the_older_half_is_put_together() -> None:
    tale = Story(PLAN)
    for number in range(6):
        turn(tale, number, read=90)
    assert not tale.all(do.Dial)
    turn(tale, 6, read=120)
    assert tale.all(do.Dial) == [do.Dial(0, 1)]
    tale.new()
    tale.feed(on.AssistantReady(epoch=1))
    record, *latest, anchor = [e for e in tale.new() if isinstance(e, do.Remind)]
    assert record.role == "system"
    assert record.text.startswith(RECORD)
    assert "Table 0 is booked for you." in record.text
    assert "Table 6" not in record.text
    assert latest[-1] == do.Remind("assistant", "Table 6 is booked for you.")
    assert sum(len(one.text) for one in latest) <= 200
    assert anchor.text == REANCHOR
    turn(tale, 7, read=60)
    assert len(tale.all(do.Dial)) == 1


def test_a_session_that_reads_much_without_a_history_is_left_alone() -> None:
    tale = Story(PLAN)
    turn(tale, 1, read=5000)
    assert not tale.all(do.Dial), "instructions and tools do not become fewer"
