"""Voice: the assistant's words and sound together, and their undoing when the caller interrupts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.call import effects as do
from gateway.call.effects import Effect, ShowWords
from gateway.call.events import AssistantAudio, AssistantWords
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.playback import ITEMS, Playback
from gateway.call.responses import Responses
from gateway.call.tracks import CutItem
from gateway.call.transcript import Transcript, some
from gateway.recent import keep

REMEMBERED = 2 * ITEMS  # as many as can wait to be played, with our own
NOTICE_ITEM = "notice"


class Voice:
    """What the assistant says: played by the ledger, written down, and unsaid if unheard."""

    def __init__(
        self, plan: Plan, outgoing: Outgoing, responses: Responses, transcript: Transcript
    ) -> None:
        self._plan = plan
        self._outgoing = outgoing
        self._responses = responses
        self._transcript = transcript
        # Items of the gateway's own, which the model does not know, and which it will be told of.
        self._own: dict[str, None] = {}
        self._recited: dict[str, None] = {}
        self._settled: dict[str, None] = {}  # items whose place in the model's memory is decided
        self.playback = Playback(plan)
        self.due: tuple[str, int] | None = None  # the turn to answer, and when it ended
        self.sounding = ""  # the response of which audio came last

    def audio(self, event: AssistantAudio, now: int) -> Iterable[Effect]:
        """A piece of sound: to be played, unless its answer was cancelled."""
        if self._responses.is_dropped(event.response_id):
            return self._came_late(event.item_id)
        if not self.playback.add(event.item_id, event.response_id, event.pcm):
            return self._too_much(event.item_id, event.response_id, now)
        self.sounding = event.response_id
        self._responses.alive(event.response_id, now)
        return ()

    def words(self, event: AssistantWords, now: int) -> Iterable[Effect]:
        """A piece of text: it belongs to the sound that comes after it."""
        item_id = event.item_id
        if self._responses.is_dropped(event.response_id):
            return self._came_late(item_id)
        if not self.playback.add(item_id, event.response_id, b""):
            return self._too_much(item_id, event.response_id, now)
        self._responses.alive(event.response_id, now)
        received = self.playback.received(item_id)
        line = self._transcript.assistant_says(item_id, event.text, received, now)
        return (line,) if line is not None else ()

    def ended(self, response_id: str, item_id: str, now: int) -> None:
        """All of an item has come; one without words and sound was a function call."""
        if item_id in self.playback.items():
            self._responses.alive(response_id, now)
            self.playback.end_item(item_id)
        else:
            self._responses.called(response_id, now)

    def stop(self, item_id: str, response_id: str, now: int) -> Iterator[Effect]:
        """No more of that answer: what of it waits is played, and the rest was never said."""
        cancel = self._responses.cancel(now)
        if cancel is not None:
            yield from self._outgoing.tell(cancel)
        self._responses.drop(response_id)
        self._decided(item_id)
        received = self.playback.received(item_id)
        self.playback.end_item(item_id)
        yield from some(self._transcript.trim(item_id, received))
        end = do.Truncate(item_id, received) if received else do.Delete(item_id)
        yield from self._outgoing.tell(end)

    def _too_much(self, item_id: str, response_id: str, now: int) -> Iterator[Effect]:
        """The model speaks on and on: what waits is played, and nothing more is taken."""
        yield from self.stop(item_id, response_id, now)
        yield do.ShowNotice("answer_too_long", "The answer was cut: it is too long to play.")

    def _came_late(self, item_id: str) -> Iterator[Effect]:
        """An item of an answer that was cancelled before it: nothing of it was heard."""
        if item_id not in self._settled:
            self._decided(item_id)
            yield from self._outgoing.tell(do.Delete(item_id))

    def interrupt(self, now: int) -> Iterator[Effect]:
        """Stop at once; what was not heard was not said. In one step, so that nothing slips in."""
        if self._plan.playback.cut_by == "caller":
            yield do.Flush(self.playback.generation)
            yield from self.cancel(now)
            return
        cancel = self._responses.cancel(now)
        stopped = self._cut(now)
        yield do.Flush(self.playback.generation)
        if cancel is not None:
            yield from self._outgoing.tell(cancel)
        for item_id, cut in stopped:
            if cut is None:
                yield from self._recall(self._transcript.heard_all(item_id))
            else:
                self._responses.drop(cut.response_id)
                yield from self._unsay(cut)

    def _cut(self, now: int) -> list[tuple[str, CutItem | None]]:
        """Stop all that is being played; with each item how it was cut, or None: all was heard."""
        items = self.playback.items()
        cuts = {cut.item_id: cut for cut in self.playback.cut(now)}
        return [(item_id, cuts.get(item_id)) for item_id in items]

    def hush(self, now: int) -> Iterator[Effect]:
        """Stop what is being heard, while nobody is there who could make more of it."""
        if self.playback.playing(now):
            yield from self.interrupt(now)

    def cancel(self, now: int) -> Iterator[Effect]:
        """Make no more of the answer; what of it has come stays, until the caller says more."""
        cancel = self._responses.cancel(now)
        if cancel is not None:
            yield from self._outgoing.tell(cancel)
        for item_id in self.playback.items():
            self._decided(item_id)
        self.playback.end_all()

    def stopped(self, item_id: str, heard: int, now: int) -> Iterator[Effect]:
        """The caller stopped an item itself, and says how much of it was heard."""
        received = self.playback.leave(item_id, now)
        yield from some(self._transcript.cut(item_id, heard, received))
        if item_id in self._own:
            return
        self._decided(item_id)
        yield from self._outgoing.tell(do.Truncate(item_id, heard))

    def _decided(self, item_id: str) -> None:
        keep(self._settled, item_id, None, REMEMBERED)

    def _unsay(self, cut: CutItem) -> Iterator[Effect]:
        yield from self._recall(self._transcript.cut(cut.item_id, cut.heard, cut.received))
        if cut.item_id in self._own:
            return
        self._decided(cut.item_id)
        yield do.ShowCut(cut.item_id, cut.heard)
        if cut.heard * 1_000 >= self._plan.rate:  # a millisecond, the smallest unit on the wire
            yield from self._outgoing.tell(do.Truncate(cut.item_id, cut.heard))
        else:
            yield from self._outgoing.tell(do.Delete(cut.item_id))

    @property
    def within_sentence(self) -> bool:
        """Whether more sound has to come of what is being said."""
        active = self._responses.active
        return bool(active) and self.sounding == active and self.playback.goes_on(active)

    def break_off(self) -> Iterator[Effect]:
        """Nothing more will come of any answer: what has come of it is played, and no more said."""
        self.playback.end_all()
        for item_id, received in self.playback.received_of_all():
            yield from some(self._transcript.trim(item_id, received))

    def notice(self) -> None:
        """Let the caller hear that the model is gone, after what it has sent."""
        self.playback.end_all()
        if self._plan.lost_notice:
            self.announce(NOTICE_ITEM, self._plan.lost_notice)

    def announce(self, item_id: str, pcm: bytes) -> None:
        """Let the caller hear something that the model does not say."""
        keep(self._own, item_id, None, REMEMBERED)
        self.playback.add(item_id, "", pcm)
        self.playback.end_item(item_id)

    def recite(self, item_id: str, text: str, pcm: bytes, now: int) -> Iterator[Effect]:
        """Let the caller hear what the model has said before; it is told what of it was heard."""
        keep(self._recited, item_id, None, REMEMBERED)
        self.announce(item_id, pcm)
        yield from some(self._transcript.assistant_says(item_id, text, 0, now))

    def _recall(self, line: ShowWords | None) -> Iterator[Effect]:
        if line is not None:
            yield line
            if line.item_id in self._recited and line.text:
                del self._recited[line.item_id]
                yield from self._outgoing.tell(do.Remind("assistant", line.text))

    def finish(self, now: int) -> Iterator[Effect]:
        """The call is over: the transcript keeps what was heard."""
        for item_id, cut in self._cut(now):
            if cut is None:
                yield from some(self._transcript.heard_all(item_id))
            else:
                yield from some(self._transcript.cut(item_id, cut.heard, cut.received))

    def settle(self, now: int) -> Iterator[Effect]:
        """Release what may be heard now; close the lines that were heard to their end."""
        for play in self.playback.release(now):
            yield play
            if self.due is not None:
                (item_id, spoken), self.due = self.due, None
                yield do.ShowLatency(item_id, now - spoken)
        for item_id in self.playback.finished(now):
            yield from self._recall(self._transcript.heard_all(item_id))
