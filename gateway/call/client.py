"""Client: a caller that is a program of its own and says itself what is to be done.

It may end turns, ask for answers and stop them, answer functions, say where it stopped hearing,
and send messages that the call has no word for. What comes to nothing is refused by its request.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.asking import Asking
from gateway.call.effects import Effect
from gateway.call.hearing import Hearing
from gateway.call.outgoing import Outgoing
from gateway.call.responses import Responses
from gateway.call.transcript import Transcript
from gateway.call.turns import Sign
from gateway.call.voice import Voice

EMPTY = "Error committing input audio buffer: buffer too small. Nothing was heard to be committed."
IDLE = "Cancellation failed: no active response found"
LOST = "The assistant is gone: nothing can be asked of it any more. Hang up, and call again."

PICTURE = "[picture]"  # what one is in the transcript

FromProgram = on.CallerOrdered | on.AnswerWanted | on.CallerCut | on.ToolAnswered | on.CallerAsked


class Client:
    """What the caller's own orders do to the parts of a call."""

    def __init__(
        self,
        outgoing: Outgoing,
        hearing: Hearing,
        voice: Voice,
        responses: Responses,
        asking: Asking,
        transcript: Transcript,
    ) -> None:
        self._outgoing = outgoing
        self._hearing = hearing
        self._voice = voice
        self._responses = responses
        self._asking = asking
        self._answers = asking.answers
        self._tools = asking.theirs
        self._transcript = transcript

    def handle(self, event: FromProgram, now: int) -> Iterator[Effect | Sign]:
        """Do as the caller says."""
        match event:
            case on.CallerOrdered():
                yield from self._order(event, now)
            case on.AnswerWanted(options, request):
                if self._outgoing.lost:
                    yield do.ShowRefusal(request, "assistant_lost", LOST)
                else:
                    yield from self._asking.want(options, request)
            case on.CallerCut(item_id, samples):
                yield from self._voice.stopped(item_id, samples, now)
            case on.ToolAnswered(call_id, _, item_id):
                self._asking.inflight.output(call_id, item_id)
                yield from self._tell(self._tools.answered(event))
            case on.CallerAsked(message, request):
                if self._outgoing.lost:
                    yield do.ShowRefusal(request, "assistant_lost", LOST)
                else:
                    yield from self._relay(do.Relay(message, request), now)
            case _:
                assert_never(event)

    def _relay(self, relay: do.Relay, now: int) -> Iterator[Effect]:
        if (refusal := self._asking.inflight.take(relay, away=not self._outgoing.open)) is not None:
            yield refusal
            return
        for line in self._written(relay.message, now):
            self._asking.inflight.shown(relay.request, line.item_id)
            yield line
        yield from self._outgoing.tell(relay)

    def _written(self, message: dict[str, Any], now: int) -> Iterator[do.ShowWords]:
        """What is put into the conversation in words is part of it for all who watch."""
        item = message.get("item", {})
        role, content = item.get("role"), item.get("content")
        if role not in ("user", "assistant") or not isinstance(content, list):
            return
        if text := " ".join(filter(None, map(_words, content))):
            side: do.Role = "caller" if role == "user" else "assistant"
            yield self._transcript.written(side, text, now)

    def _tell(self, effects: Iterator[Effect]) -> Iterator[Effect]:
        for effect in effects:
            if isinstance(effect, do.ToAssistant):
                yield from self._outgoing.tell(effect)
            else:
                yield effect

    def _order(self, event: on.CallerOrdered, now: int) -> Iterator[Effect | Sign]:
        match event.order:
            case "commit":
                if self._hearing.anything:
                    yield from self._hearing.commit()
                else:
                    yield do.ShowRefusal(event.request, "input_audio_buffer_commit_empty", EMPTY)
            case "clear":
                yield from self._hearing.clear()
            case "flush":
                yield from self._voice.interrupt(now)
            case "cancel":
                if self._responses.pending or self._answers.waits:
                    yield from self._answers.interrupted("client_cancelled")
                    yield from self._asking.forget()
                    yield from self._voice.cancel(now)
                else:
                    yield do.ShowRefusal(event.request, "response_cancel_not_active", IDLE)
            case _:
                assert_never(event.order)


def _words(part: Any) -> str:
    """What a part of an item is in the transcript."""
    if not isinstance(part, dict):
        return ""
    if part.get("type") == "input_image":
        return PICTURE
    text = part.get("text")
    return text if isinstance(text, str) else ""
