"""Remedy: what is done where a rule is broken: stop what is being said, and say something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.asking import Asking
from gateway.call.effects import Effect
from gateway.call.guard.matching import Verdict
from gateway.call.guard.rules import KEPT_FROM_MODEL, Place, Rule
from gateway.call.outgoing import Outgoing
from gateway.call.plan import Plan
from gateway.call.quiet import Quiet
from gateway.call.responses import Responses
from gateway.call.toolwords import exactly, told
from gateway.call.voice import Voice

STOPPED = "content_filter"  # the Realtime protocol's word for it
TRIES = 2  # answers in a row that may be stopped; after that the gateway speaks itself
ENDED = "a rule of the guard ended the call: {}"

AGAIN = (
    "What you were about to say may not be said aloud ({}). Say the rest of your answer again, "
    "without it and without talking about this instruction."
)
NOT_ALLOWED = "A rule of this service forbids this call. Do not try it again in another way."
WITHHELD = "The result holds what this service may not pass on. Do not ask for it again."


def keeps_from_model(rule: Rule | None) -> bool:
    """Whether the model is not to know what the caller said: others speak of it."""
    return rule is not None and rule.action in KEPT_FROM_MODEL


class Remedy:
    """The hands of the guard."""

    def __init__(
        self,
        plan: Plan,
        outgoing: Outgoing,
        voice: Voice,
        responses: Responses,
        asking: Asking,
        quiet: Quiet,
    ) -> None:
        self._plan = plan
        self._outgoing = outgoing
        self._voice = voice
        self._responses = responses
        self._asking = asking
        self._quiet = quiet
        self._stopped = 0  # answers in a row
        self._notices = 0

    def note(self, verdict: Verdict, place: Place, about: str) -> Iterator[Effect]:
        """Put down which rules were broken; never the words."""
        label = self._plan.guard.label
        for rule in verdict.rules:
            yield do.Guarded(rule.name, rule.action, place, about, label)

    def all_well(self) -> None:
        """The caller has said something, or an answer has passed."""
        self._stopped = 0

    # ------------------------------------------------------------ what is being said

    def silence(self, now: int) -> Iterator[Effect]:
        """Nothing more of the answer is heard, nor of one that was to be asked for."""
        yield from self._asking.answers.interrupted(STOPPED)
        yield from self._asking.forget()
        if self._responses.busy or self._voice.playback.playing(now):
            yield from self._voice.interrupt(now)

    def stop(self, response_id: str, item_id: str, now: int) -> Iterator[Effect]:
        """What has passed of the answer is heard to its end, and nothing after it."""
        yield from self._asking.answers.interrupted(STOPPED)
        yield from self._asking.forget()
        yield from self._voice.stop(item_id, response_id, now)

    def forget_turn(self, rule: Rule, item_id: str) -> Iterator[Effect]:
        """The model is not to know what the caller said, unless it is to speak of it."""
        if keeps_from_model(rule) and item_id:
            yield from self._outgoing.tell(do.Delete(item_id))

    # ------------------------------------------------------------ what is said instead

    def instead(self, rule: Rule, place: Place, now: int) -> Iterator[Effect]:
        """Go on as the rule says, after what was stopped."""
        if place == "assistant":
            self._stopped += 1
        if rule.action == "steer":
            yield from self._outgoing.tell(do.Remind("system", rule.steer))
        self._speak(rule)
        self.leave(rule, now)

    def leave(self, rule: Rule, now: int) -> None:
        """Put the caller through, or end the call, once what is to be said is said."""
        if rule.action == "transfer":
            self._quiet.transfer(rule.target, now)
        elif rule.action == "end":
            self._quiet.hang_up(ENDED.format(rule.name), now)

    def _speak(self, rule: Rule) -> None:
        if rule.phrase and self._stopped <= TRIES:
            self._responses.want(exactly(rule.phrase), may_call=False)
        elif rule.action == "redact" and self._stopped <= TRIES:
            self._responses.want(AGAIN.format(rule.name))
        elif rule.action == "steer" and self._stopped <= TRIES:
            self._responses.want(rule.steer)
        elif self._plan.guard_notice:
            self._notices += 1
            self._voice.announce(f"guard_{self._notices}", self._plan.guard_notice)

    # ------------------------------------------------------------ tools

    def refused(self, call: on.ToolCall, verdict: Verdict) -> on.ToolCall:
        """A function call as the rules leave it: with other arguments, or not to be run."""
        worst = verdict.worst
        if worst is None:
            return call
        if worst.action == "redact":
            return replace(call, arguments=verdict.text)
        words = told("not_allowed", worst.phrase, worst.steer or NOT_ALLOWED)
        return replace(call, refusal=words)

    def withheld(self, output: str, verdict: Verdict) -> str:
        """A result as the rules leave it."""
        worst = verdict.worst
        if worst is None:
            return output
        if worst.action == "redact":
            return verdict.text
        if worst.action == "steer":
            return told("read_with_care", verdict.text, worst.steer)
        return told("withheld", worst.phrase, WITHHELD)
