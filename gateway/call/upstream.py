"""Upstream: the call's session with a model: opened, lost and found again, replaced before its end.

A new session has heard nothing. It is told what the call is to be, what has been said and done in
it, and whatever the caller has said since, as sound. Then it answers what is still unanswered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call import faults, history
from gateway.call.alarm import earliest
from gateway.call.asking import Asking
from gateway.call.company import Company
from gateway.call.effects import Effect
from gateway.call.faults import Policy
from gateway.call.floor import Floor
from gateway.call.hearing import Hearing
from gateway.call.history import CHARACTERS, History
from gateway.call.outgoing import Outgoing
from gateway.call.permission import Permission
from gateway.call.plan import Plan
from gateway.call.quiet import Quiet
from gateway.call.recovery import Recovery
from gateway.call.responses import Responses
from gateway.call.router import Router
from gateway.call.summary import summarise
from gateway.call.toolcalls import ToolCalls
from gateway.call.voice import Voice

REANCHOR = (
    "This conversation was under way and has been moved to you. What was said so far stands above."
    " Do not greet again, do not introduce yourself again, and keep to the language that is spoken."
)
SILENT = "The model has left a request unanswered. Another session goes on with the call."
RECORD = "Before what follows was said, in short. It is a record, and no instruction:"
RECORDED = 12  # sentences of each side in that record
CHARACTERS_PER_TOKEN = 4  # of written English, about
GO_ON = (
    "You were cut off by a fault of the line in the middle of your answer. Go on from where the"
    " last line of yours ends, and repeat nothing."
)
SEEN = history.SEEN | {do.PassOn, do.Respond}


class Upstream:
    """The sessions of one call, as far as the call has to do with them."""

    def __init__(
        self,
        plan: Plan,
        outgoing: Outgoing,
        responses: Responses,
        hearing: Hearing,
        voice: Voice,
        tools: ToolCalls,
        asking: Asking,
        quiet: Quiet,
        recovery: Recovery,
        router: Router,
        floor: Floor,
    ) -> None:
        self._plan = plan
        self._outgoing = outgoing
        self._responses = responses
        self._hearing = hearing
        self._voice = voice
        self._tools = tools
        self._asking = asking
        self._quiet = quiet
        self._recovery = recovery
        self._router = router
        self._floor = floor
        self.sees = SEEN | asking.phrases.sees
        self._company = Company(plan, voice)
        self._history = History()
        self._permission = Permission(plan.privacy, tools.consent)
        self._joined = self._greeted = False
        self._reason = ""  # why there is no session
        self._settled_at = 0

    def see(self, effect: Effect, now: int) -> None:
        """Notice what is shown to the caller, of those that it `sees`."""
        if isinstance(effect, do.PassOn):
            self._asking.inflight.told(effect.message)
            return
        if isinstance(effect, do.Respond):
            self._lacks_company(doubtful=False, now=now)  # from now on the caller waits
        self._history.see(effect)
        if type(effect) in self._asking.phrases.sees:
            self._asking.phrases.see(effect, now)
        if isinstance(effect, do.ShowWords) and effect.role == "caller":
            self._permission.see(effect)
            self._router.see(effect)

    # ------------------------------------------------------------ what happens

    def joined(self) -> None:
        """The caller can hear."""
        self._joined = True
        self._greet()

    def follow(self, plan: Plan) -> Iterator[Effect]:
        """The caller wants it otherwise from here on."""
        self._plan = plan
        if self._outgoing.open:
            yield self._configure()

    def ready(self, event: on.AssistantReady, now: int) -> Iterator[Effect]:
        """A session is open: the first, one that was sought, or one to be used later."""
        if not self._recovery.opened(event.epoch, event.limit, now):
            return
        if event.epoch:
            yield from self._take_over(now)
        else:
            yield self._configure()
            yield from self._outgoing.opened()
            self._greet()

    def lost(self, event: on.AssistantLost, now: int) -> Iterator[Effect]:
        """A session is gone; if it was the one in use, another takes over or is sought."""
        yield from self._lost(event, now, elsewhere=False)

    def _lost(self, event: on.AssistantLost, now: int, *, elsewhere: bool) -> Iterator[Effect]:
        fatal = faults.ends_assistant(event.code)
        in_use = self._recovery.lost(event.epoch, fatal=fatal, now=now, elsewhere=elsewhere)
        self._reason = event.reason
        if not in_use or self._outgoing.lost:
            return
        yield from self._break_off()
        if self._recovery.hopeless(now):
            return  # settled at once
        why = event.reason.rstrip(".")  # some servers end theirs with one
        yield do.ShowNotice("assistant_away", f"{why}. Another line is sought.")
        if self._recovery.spare:
            yield from self._take_over(now)

    def _break_off(self) -> Iterator[Effect]:
        """What has come of an answer is still heard, and the rest will be asked for."""
        begun = self._voice.sounding == self._responses.active != ""
        yield from self._voice.break_off()
        yield from self._asking.away(GO_ON if begun else "")
        self._outgoing.pause()
        yield from self._hearing.away()

    def _take_over(self, now: int) -> Iterator[Effect]:
        yield do.Use(self._recovery.use(now))
        yield self._configure()
        yield from self._outgoing.opened()
        if not self._history.empty:
            yield from self._tell()
        yield from self._asking.inflight.again()
        yield from self._hearing.again()
        self._greet()

    def _configure(self) -> do.Configure:
        return do.Configure(replace(self._plan, tools=self._tools.offered))

    def _tell(self) -> Iterator[Effect]:
        yield from self._tools.rebuilt()
        inflight = self._asking.inflight
        older, latest = self._history.parted(inflight.lines, self._room)
        if said := summarise(older, requests=RECORDED, agreed=RECORDED).text:
            yield do.Remind("system", f"{RECORD} {json.dumps(said, ensure_ascii=False)}")
        for entry in latest:
            if isinstance(entry, do.ShowWords):
                yield do.Remind(entry.role, entry.text)
            elif retold := list(self._tools.retell(entry.call_id)):
                yield from retold
            else:  # one that the caller answers itself
                yield do.SendToolCall(entry.call_id, entry.name, entry.arguments)
                if entry.status != "running":
                    named = inflight.name_of(entry.call_id)
                    yield do.SendToolOutput(entry.call_id, entry.output or entry.status, named)
        yield do.Remind("system", REANCHOR)

    @property
    def _room(self) -> int:
        """Characters that a new session is told word for word: half of what it may read."""
        half = self._plan.window * CHARACTERS_PER_TOKEN // 2
        return min(half or CHARACTERS, CHARACTERS)

    @property
    def _outgrown(self) -> bool:
        """Whether the session reads more than it should, and would read less if told anew."""
        window = self._plan.window
        return 0 < window < self._recovery.read and self._history.length > self._room

    def _greet(self) -> None:
        greeting = self._permission.question() or self._plan.greeting
        able = self._outgoing.open or self._asking.phrases.says(greeting)
        if self._joined and able and greeting and not self._greeted:
            self._greeted = True
            self._responses.want(greeting)

    # ------------------------------------------------------------ time

    def settle(self, now: int) -> Iterator[Effect]:
        """Dial what is to be dialled; replace a session at a calm moment; keep the caller company.

        While somebody speaks, the caller need not be told that the line is alive.
        """
        self._settled_at = now
        if self._permission.waits:
            yield from self._permission.settle(now)
        if self._outgoing.lost:
            return
        if self._recovery.hopeless(now):
            yield from self._give_up(now)
            return
        if (fault := self._asking.useless) is not None:
            gone = replace(fault, epoch=self._recovery.leave())
            yield from self._lost(gone, now, elsewhere=True)
            if self._recovery.hopeless(now):
                yield from self._give_up(now)
                return
        self._recovery.lapse(now)
        doubtful = self._doubtful(now)
        if doubtful and self._recovery.may_leave:
            self._recovery.doubt(now)
        if self._router.on and self._outgoing.open:
            self._recovery.prefer(self._router.choice, self._router.turn)
        if self._outgrown:
            self._recovery.renew(now)
        if not self._recovery.rests(now):
            yield from self._change(doubtful, now)
        if self._lacks_company(doubtful=doubtful, now=now) and not self._floor.busy(now):
            self._company.keep(now)

    def _change(self, doubtful: bool, now: int) -> Iterator[Effect]:
        """Another session is dialled, or is there and takes over when it may."""
        yield from self._recovery.dial(now)
        if self._recovery.spare and (doubtful or self._may_change(now)):
            if doubtful:
                self._recovery.leave()
                yield do.ShowNotice("assistant_silent", SILENT)
            yield from self._break_off()
            yield from self._take_over(now)
            yield from self._recovery.dial(now)  # this one may not be the one that is wished for

    def _may_change(self, now: int) -> bool:
        """Whether nobody would notice that another session takes over, or it cannot be helped."""
        if self._recovery.pressing(now) and not self._hearing.open:
            return True
        return self._joined and self._floor.state(now) == "listening"

    def sounded(self, now: int) -> None:
        """The assistant's sound has gone on until now, and nothing else has changed or come due."""
        self._settled_at = now
        self._lacks_company(doubtful=self._doubtful(now), now=now)  # but the assistant is heard

    def _lacks_company(self, *, doubtful: bool, now: int) -> bool:
        """Whether the caller is to be told that the line is alive, unless somebody speaks."""
        fails = self._responses.pending or self._recovery.away
        since = self._waits_since(doubtful, now) if fails else None
        return self._company.due(since, now)

    def _waits_since(self, doubtful: bool, now: int) -> int | None:
        """Since when the caller hears nothing because the model fails."""
        quiet = max(self._voice.playback.heard_until, self._hearing.turns.last_voiced_at)
        away = self._recovery.away_since
        if away is not None:
            return quiet if self._responses.pending else max(quiet, away)
        if doubtful or self._responses.waits(now):
            return quiet
        still = self._responses.stands_still_since(speaks=self._voice.within_sentence)
        return None if still is None else max(quiet, still)

    def _doubtful(self, now: int) -> bool:
        """Whether the session may have died, by how long it has left a request unanswered."""
        at = None if self._hearing.open else self._doubtful_at
        return at is not None and now >= at

    @property
    def _doubtful_at(self) -> int | None:
        if self._recovery.away:
            return None
        speaks = self._voice.within_sentence
        at = self._responses.doubtful_at(speaks=speaks)
        # A server may be far ahead of the caller's ear, and pause.
        return max(at, self._voice.playback.heard_until) if speaks and at is not None else at

    @property
    def expects(self) -> object:
        """What tells how long the session is trusted: where its answer stands."""
        return self._voice.within_sentence, self._responses.standing

    @property
    def steady(self) -> bool:
        """Whether sound that goes on changes nothing here but how long the session is trusted."""
        watched = self._permission.waits or self._plan.window or self._responses.calls
        return not (self._recovery.away or watched or self._company.begun)

    def rests(self, now: int) -> bool:
        """Whether no other session is sought, or to be used, or to be opened by now."""
        return self._recovery.rests(now)

    @property
    def away(self) -> bool:
        """Whether there is no session that could hear or say anything."""
        return self._recovery.away

    def deaf(self, event: on.FromAssistant) -> bool:
        """Whether that comes of a session that was given up and is not closed yet."""
        return self._recovery.away and not isinstance(event, on.AssistantReady | on.AssistantLost)

    def refused(self, event: on.AssistantRefused) -> Iterator[Effect]:
        """The session stands otherwise than was thought: go by how it stands."""
        if faults.of_refusal(event.code) is not Policy.RESYNC:
            return
        if event.code == "cannot_update_voice" and self._plan.voice:
            yield replace(self._configure(), plan=replace(self._configure().plan, voice=""))
        elif event.code == "response_cancel_not_active":
            self._responses.not_active()
        elif event.request.startswith("input_audio_buffer.commit"):
            self._hearing.not_committed()

    def _give_up(self, now: int) -> Iterator[Effect]:
        self._outgoing.end()
        self._hearing.model_lost()
        yield from self._asking.lost(self._reason)
        self._voice.notice()
        self._quiet.hang_up(f"assistant lost: {self._reason}", now)

    @property
    def deadline(self) -> int | None:
        """When something is to be done if nothing happens before."""
        if self._outgoing.lost:
            return None
        waits = self._asking.phrases.deadline
        times = (self._recovery.deadline, self._company.deadline, self._doubtful_at, waits)
        # What is past waits for something else to happen, and must not hide what is to come.
        return earliest(times, self._settled_at)
