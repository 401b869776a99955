"""A conversation as it is shown to a person."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from gateway.rehearsal.conversation import Conversation, Line, Savings, Sound
from gateway.rehearsal.show import Show


def test_what_was_being_said_when_the_line_broke_is_shown() -> None:
    out = StringIO()
    show = Show(Console(file=out, width=80), None)
    show.line("a", Line("caller", "Where is", 0.8), final=False)
    show.line("a", Line("caller", "Where is it?", 0.8), final=True)
    show.line("b", Line("assistant", "Your order is", 2.0), final=False)
    silence = Sound(b"", 24_000)
    show.summary(
        Conversation(
            *("call_1", "embedded", (), (), (), Savings(), (), silence, silence),
            ended="the line broke",
            complete=False,
        )
    )
    lines = out.getvalue().splitlines()
    assert lines[:2] == [
        "   0.8 caller    Where is it?",
        "   2.0 assistant Your order is ... when the call ended",
    ]
    assert "the line broke, before the conversation was over" in lines[3]
