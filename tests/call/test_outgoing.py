"""Sound that goes to the model at once goes in one piece, and nothing changes its place."""

from __future__ import annotations

from gateway.call import effects as do
from gateway.call.outgoing import Outgoing, joined

ONE, TWO, THREE = do.SendAudio(b"1"), do.SendAudio(b"2"), do.SendAudio(b"3")


def test_frames_in_a_row_become_one() -> None:
    shown = do.ShowTurn("began", "")
    assert joined([ONE, TWO, shown, THREE]) == [do.SendAudio(b"12"), shown, THREE]
    assert joined([do.Commit(), ONE, TWO, THREE]) == [do.Commit(), do.SendAudio(b"123")]


def test_what_is_alone_stays_as_it_is() -> None:
    assert joined([]) == []
    assert joined([ONE]) == [ONE]
    assert joined([ONE, do.Commit(), TWO]) == [ONE, do.Commit(), TWO]


def test_what_was_said_before_the_model_was_there_goes_to_it_in_one_piece() -> None:
    outgoing = Outgoing()
    assert [*outgoing.tell(ONE), *outgoing.tell(TWO), *outgoing.tell(do.Commit())] == []
    assert list(outgoing.opened()) == [do.SendAudio(b"12"), do.Commit()]
    assert list(outgoing.tell(THREE)) == [THREE]
