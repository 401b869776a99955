"""The mind that ships with Trunkline: only rules, and honest about it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from gateway.embedded.mind import keys, phrases
from gateway.embedded.mind.dialogue import Memory, Request, Understanding
from gateway.embedded.mind.matcher import Matcher, denied
from gateway.embedded.mind.meaning import Meaning
from gateway.embedded.mind.quoting import FEWEST, SEARCH
from gateway.embedded.mind.records import parted
from gateway.embedded.mind.results import say_result
from gateway.embedded.mind.sentences import for_speech, sentences
from gateway.embedded.parts import (
    Called,
    CallPiece,
    Function,
    Heard,
    Returned,
    Say,
    Situation,
    Thought,
)

PIECE = 24  # characters of arguments in one piece

STOP = "cancel_task"  # the gateway's tool that stops what is under way
NOT_CAUGHT = "Sorry, I did not catch that."
SMALL = "I am a small built-in assistant"


class LocalMind:
    """Chooses a function by meaning, fills its arguments from the words, speaks its result.

    Keeps nothing of a conversation: all it knows is read from the situation's lines, so the same
    situation at the same `now` always gets the same answer. Thinking runs in a thread of its own.
    """

    def __init__(
        self,
        meaning: Meaning | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._meaning = meaning
        self._matcher = Matcher(meaning)
        self._now = now
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mind")

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        """Stream the answer: sentences one by one, then calls with their arguments in pieces."""
        loop = asyncio.get_running_loop()
        for thought in await loop.run_in_executor(self._pool, self.think, situation):
            yield thought

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def think(self, situation: Situation) -> list[Thought]:
        """The whole answer at once; pure but for the clock and the model's cache."""
        return list(_Answer(situation, self._matcher, self._now(), self._meaning).thoughts())


class _Answer:
    """One answer in the making."""

    def __init__(
        self, situation: Situation, matcher: Matcher, now: datetime, meaning: Meaning | None
    ) -> None:
        instructions, self._records = parted(situation.instructions)
        request, _ = parted(situation.request)
        self._situation = replace(situation, instructions=instructions, request=request)
        # What stops a task is no errand of its own: "cancel my order" must not be taken for it.
        ours = (STOP, SEARCH)
        self._functions = tuple(one for one in situation.functions if one.name not in ours)
        self._search = next((one for one in situation.functions if one.name == SEARCH), None)
        self._now = now
        self._mind = Understanding(self._functions, matcher, now, meaning)
        self._matcher = matcher
        self._memory = self._mind.replay(situation.lines)

    def thoughts(self) -> Iterator[Thought]:
        ordered = self._ordered()
        if ordered:
            yield from _say(ordered)
            return
        memory = self._memory
        if memory.returned:
            yield from _say(self._results(memory))
            if not memory.heard:
                if memory.draft:
                    yield from _say(memory.draft.question)
                return
        chosen = self._chosen()
        if chosen is not None and not (memory.returned and not memory.heard):
            request = self._mind.named(chosen, memory, memory.utterance)
            yield from _call(0, request)
            return
        if not memory.heard:
            yield from _say(self._opening())
            return
        yield from self._reply(memory.utterance)

    # ------------------------------------------------------------ what the answer is about

    def _ordered(self) -> str:
        """What the instructions for this answer alone want said."""
        request = self._situation.request
        if said := phrases.sentence_to_say(request):
            return said
        spoken = {
            "there": "Are you still there?",
            "apologise": "I am sorry about that.",
            "goodbye": "Goodbye!",
            "help": "Is there anything else I can help you with?",
            "moment": "One moment, please. I am on it.",
            "still": "I am still working on it. Thank you for waiting.",
        }
        order = phrases.indirect(request)
        if order == "greet":
            return self._greeting()
        return spoken.get(order, "")

    def _chosen(self) -> Function | None:
        """The function that must be called, by name or because some function must be."""
        choice = self._situation.choice
        if choice in ("auto", "none") or not self._functions:
            return None
        if choice != "required":
            return next((one for one in self._functions if one.name == choice), None)
        requests = self._mind.requests(self._memory, self._memory.utterance)
        if requests and not any(one.missing for one in requests):
            return None
        if requests:
            return requests[0].function
        return self._matcher.rank(self._memory.utterance or "-", self._functions)[0].function

    def _results(self, memory: Memory) -> str:
        told = [
            say_result(called.name, called.arguments, returned.output, self._now.date())
            for called, returned in memory.returned
            if not self._hung_up(called.name) and not _is_silent(returned)
        ]
        return " ".join(told)

    def _hung_up(self, name: str) -> bool:
        return phrases.ends_call(Function(name, "", {}))

    def _greeting(self) -> str:
        return self._records.welcomed(phrases.greeting(self._situation.instructions))

    def _opening(self) -> str:
        """An answer wanted with nothing heard: the greeting first, later an offer."""
        if not self._memory.spoken and not self._memory.open:
            return self._greeting()
        if self._memory.open:
            return "One moment, I am still waiting for an answer."
        return "Is there anything else I can help you with?"

    # ------------------------------------------------------------ what the caller said

    def _reply(self, text: str) -> Iterator[Thought]:
        if not any(char.isalnum() for char in text):
            yield from _say(self._keys() or NOT_CAUGHT)
            return
        if (special := self._about_work(text)) is not None:
            yield from special
            return
        requests = self._mind.requests(self._memory, text)
        if requests is None:
            yield from self._talk(text)
        elif not requests:
            yield from _say("All right, never mind. What else can I do for you?")
        elif self._situation.choice == "none":
            yield from _say("I cannot do that at this point of the call.")
        else:
            yield from self._carry_out(requests)

    def _about_work(self, text: str) -> Iterator[Thought] | None:
        """An answer to "Shall I go ahead?", or an order to stop what is under way."""
        kind, memory = phrases.kind(phrases.core(text)), self._memory
        asked = [called for called, returned in memory.told if _status(returned) == "needs_consent"]
        if asked and phrases.consents(text):
            return _again(asked, self._situation.choice)
        if asked and kind in ("no", "never_mind"):
            return _say("All right, I will not do that.")
        stop = next((one for one in self._situation.functions if one.name == STOP), None)
        if stop and memory.open and kind in ("never_mind", "wait") and _stops(text):
            return _call(0, Request(stop, {}))
        return None

    def _carry_out(self, requests: list[Request]) -> Iterator[Thought]:
        ready = [one for one in requests if not one.missing]
        if not ready:
            yield from _say(requests[0].question)
            return
        if any(phrases.ends_call(one.function) for one in ready):
            yield from _say("Goodbye!")
        for index, one in enumerate(ready):
            yield from _call(index, one)

    def _talk(self, text: str) -> Iterator[Thought]:
        plain = phrases.core(text)
        kind = phrases.kind(plain)
        if kind == "goodbye":
            yield from self._goodbye()
        elif kind in ("repeat", "resume"):
            yield from _say(self._again(resume=kind == "resume"))
        elif not kind and (lookup := self._lookup(plain)) is not None:
            yield from _call(0, lookup)
        else:
            yield from _say(self._small_talk(plain, kind, text))

    def _lookup(self, plain: str) -> Request | None:
        """What no function is for may stand in a document."""
        asked = self._memory.draft is not None and not plain.endswith("?")
        waits = asked or self._memory.open or self._situation.choice == "none"
        if self._search is None or waits or len(plain.split()) < FEWEST:
            return None
        return Request(self._search, {"question": plain[:400]})

    def _goodbye(self) -> Iterator[Thought]:
        yield Say("Goodbye!")
        hang_up = next((one for one in self._functions if phrases.ends_call(one)), None)
        if hang_up is not None and self._situation.choice != "none":
            yield from _call(0, self._mind.named(hang_up, self._memory, ""))

    def _again(self, *, resume: bool) -> str:
        """What was said before, whole where it can be made again, from the cut on to resume."""
        memory = self._memory
        if not memory.spoken:
            return "I have not said anything yet. How can I help you?"
        if not memory.cut:
            return "That was all I had to say." if resume else memory.spoken
        whole = " ".join(
            say_result(called.name, called.arguments, returned.output, self._now.date())
            for called, returned in memory.told
        )
        if not whole.startswith(memory.spoken.strip()[:20]):
            return memory.spoken
        if not resume:
            return whole
        heard, rest = len(memory.spoken), []
        at = 0
        for sentence in sentences(whole):
            at += len(sentence) + 1
            if at > heard:
                rest.append(sentence)
        return " ".join(rest) or whole

    def _small_talk(self, plain: str, kind: str, text: str) -> str:
        name = phrases.own_name(self._situation.instructions)
        own = f"I am {name}, a small built-in assistant" if name else SMALL
        asked = f" {self._memory.draft.question}" if self._memory.draft else ""
        if kind == "help":
            return phrases.abilities(self._functions) + asked
        told = {
            "who": f"{own}, not a person.",
            "past": self._records.told,
            "mood": "I am doing fine, thank you. How can I help you?",
            "yes": "What can I do for you?",
            "no": "All right. Tell me if you need anything else.",
            "never_mind": "All right. What else can I do for you?",
            "wait": "All right, I am listening.",
            "there": "Yes, I can hear you.",
        }.get(kind, "")
        if told:
            return told + asked
        if not plain:
            if phrases.thanks(text):
                return "You are welcome. Is there anything else I can help you with?"
            if phrases.greets(text) and not self._memory.spoken:
                return self._greeting()
            return "Hello! What can I do for you?" if phrases.greets(text) else "Yes?"
        if self._memory.draft:
            return f"{NOT_CAUGHT}{asked}"
        if self._memory.open:
            return "One moment, I am still waiting for an answer."
        return self._keys() or self._beyond(plain, own)

    def _keys(self) -> str:
        """What is said of keys, where they are the last that came from the caller."""
        heard = [line.text for line in self._situation.lines if isinstance(line, Heard)]
        return keys.acknowledged(heard[-1]) if heard else ""

    def _beyond(self, plain: str, own: str) -> str:
        """What no function is for."""
        if any(denied(plain, function) for function in self._functions):
            return "All right, I will not do that."
        if self._memory.spoken.find(SMALL[5:]) >= 0:
            return "I cannot help with that either. Ask me what I can do."
        return f"{own}, so I cannot help with that. {phrases.abilities(self._functions)}"


def _status(returned: Returned) -> str:
    """What a gateway says became of a call; '' where it says nothing of it."""
    try:
        value = json.loads(returned.output)
    except ValueError:
        return ""
    return str(value.get("status", "")) if isinstance(value, dict) else ""


def _is_silent(returned: Returned) -> bool:
    """Whether an answer is none for the caller: nobody waits for it any more."""
    return _status(returned) in ("cancelled", "dropped") and "message" not in returned.output


def _stops(text: str) -> bool:
    """Whether it is more than a "wait": stop, never mind, forget it."""
    return re.search(r"\b(?:stop|cancel|mind|forget|skip|leave|bother)\b", text, re.I) is not None


def _again(calls: Sequence[Called], choice: str) -> Iterator[Thought]:
    """The calls that the caller has agreed to, as they were."""
    if choice == "none":
        yield from _say("I cannot do that at this point of the call.")
        return
    for index, call in enumerate(calls):
        yield CallPiece(index, call.name, call.arguments)


def _say(text: str) -> Iterator[Thought]:
    yield from (Say(sentence) for sentence in sentences(text) if for_speech(sentence))


def _call(index: int, request: Request) -> Iterator[Thought]:
    """The arguments in two pieces at least, as a model would stream them."""
    text = json.dumps(request.arguments, ensure_ascii=False)
    size = max(1, min(PIECE, len(text) // 2))
    for at in range(0, len(text), size):
        yield CallPiece(index, request.function.name, text[at : at + size])
