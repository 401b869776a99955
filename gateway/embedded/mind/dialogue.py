"""What an utterance means after what was said before: a replay of the conversation's lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.embedded.mind import keys, phrases
from gateway.embedded.mind.matcher import Matcher
from gateway.embedded.mind.meaning import Meaning
from gateway.embedded.mind.schema import Parameter, parameters
from gateway.embedded.mind.slots import Arguments, fill, question
from gateway.embedded.mind.words import split_name, stem, stems, words
from gateway.embedded.parts import Called, Function, Heard, Line, Returned, Said, Told

_STATES = re.compile(
    r"(?:it|its|it's|the|my|that|that's|this|order|number|under|for|on|at|in)\b", re.IGNORECASE
)
REPLAYED = 32  # lines whose utterances are understood again; older ones count by their calls


@dataclass(frozen=True, slots=True)
class Request:
    """A function to be called, and the parameter that is still to be asked for, if any."""

    function: Function
    arguments: Arguments
    missing: Parameter | None = None

    @property
    def question(self) -> str:
        return question(self.missing) if self.missing else ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the lines so far have left behind."""

    draft: Request | None = None  # asked for, with an argument missing
    last: Request | None = None  # called last
    known: tuple[tuple[str, Any], ...] = ()  # names and values of calls and results, newest first
    spoken: str = ""  # what the assistant said last, as far as it was heard
    cut: bool = False
    heard: tuple[str, ...] = ()  # not answered yet
    returned: tuple[tuple[Called, Returned], ...] = ()  # not spoken yet
    told: tuple[tuple[Called, Returned], ...] = ()  # spoken in the answer before
    open: Mapping[str, Called] = field(default_factory=dict)  # called, not returned yet

    @property
    def utterance(self) -> str:
        return " ".join(text.strip() for text in self.heard if text.strip())


class Understanding:
    """Reads utterances with the functions of one situation."""

    def __init__(
        self,
        functions: Sequence[Function],
        matcher: Matcher,
        now: datetime,
        meaning: Meaning | None,
    ) -> None:
        self._functions = {function.name: function for function in functions}
        self._matcher = matcher
        self._now = now
        self._meaning = meaning

    def replay(self, lines: Sequence[Line]) -> Memory:
        """Go through the lines as they happened; the same lines always leave the same memory."""
        memory, first = Memory(), len(lines) - REPLAYED
        for at, line in enumerate(lines):
            if isinstance(line, Said | Called) and memory.heard:
                draft = self._draft_after(memory) if at >= first else None
                memory = replace(memory, draft=draft, heard=())
            memory = self._apply(memory, line)
        return memory

    def _draft_after(self, memory: Memory) -> Request | None:
        requests = self.requests(memory, memory.utterance)
        if requests is None:
            return memory.draft
        return next((request for request in requests if request.missing), None)

    def _apply(self, memory: Memory, line: Line) -> Memory:
        if isinstance(line, Heard):
            return replace(memory, heard=(*memory.heard, keys.as_said(line.text)))
        if isinstance(line, Said):
            asked = memory.draft is not None and _asks(line, memory.draft.question)
            told = memory.returned or (memory.told if line.cut else ())
            return replace(memory, spoken=line.text, cut=line.cut, returned=(), told=told,
                           draft=memory.draft if asked else None)  # fmt: skip
        if isinstance(line, Called):
            return self._called(memory, line)
        if isinstance(line, Returned):
            called = memory.open.get(line.call_id)
            if called is None:
                return memory
            left = {key: call for key, call in memory.open.items() if key != line.call_id}
            known = (*_entries(line.output), *memory.known)[:64]
            return replace(memory, open=left, known=known,
                           returned=(*memory.returned, (called, line)))  # fmt: skip
        assert isinstance(line, Told)
        return memory

    def _called(self, memory: Memory, line: Called) -> Memory:
        function = self._functions.get(line.name)
        arguments = dict(_entries(line.arguments))
        last = Request(function, arguments) if function else memory.last
        same = memory.draft is not None and memory.draft.function.name == line.name
        return replace(
            memory,
            last=last,
            draft=None if same else memory.draft,
            known=(*arguments.items(), *memory.known)[:64],
            open={**memory.open, line.call_id: line},
        )

    # ------------------------------------------------------------ one utterance

    def requests(self, memory: Memory, text: str) -> list[Request] | None:
        """What the utterance asks for: requests, [] for a draft given up, None for talk."""
        plain = phrases.core(text)
        kind = phrases.kind(plain)
        if memory.draft:
            if kind == "never_mind" or (kind in ("no", "goodbye") and not _is_yes_no(memory.draft)):
                return []
            if kind not in ("repeat", "help", "who", "resume", "there", "wait"):
                answered = self._answer(memory.draft, memory, plain)
                if answered:
                    return answered
        if not plain or kind:
            return None
        if memory.last and not memory.draft and phrases.CORRECTION.search(plain):
            corrected = self._corrected(memory.last, memory, plain)
            if corrected:
                return [corrected]
        found = self._matched(memory, plain)
        return found or self._continued(memory, plain)

    def named(self, function: Function, memory: Memory, text: str) -> Request:
        """The request for a function that was chosen for us."""
        return self._request(function, memory, text)

    def _answer(self, draft: Request, memory: Memory, text: str) -> list[Request]:
        """The draft with what the caller answered; [] where the answer is about something else."""
        assert draft.missing is not None
        slots = parameters(draft.function)
        other = self._matcher.best(text, list(self._functions.values()))
        asked = draft.missing.name
        firm = fill([draft.missing], text, self._now, asked=asked, meaning=self._meaning)
        if other and other.function.name != draft.function.name and (
            not firm or draft.missing.role in ("text", "name", "place", "")
        ):  # fmt: skip
            return []
        filled = fill(slots, text, self._now, asked=asked, given=draft.arguments,
                      meaning=self._meaning)  # fmt: skip
        if phrases.CORRECTION.search(text):
            filled |= {
                name: value
                for name, value in fill(slots, text, self._now).items()
                if name in draft.arguments and (name not in firm or name == asked)
            }
        if filled == draft.arguments and not (other and other.function == draft.function):
            return []
        return [_complete(draft.function, filled)]

    def _corrected(self, last: Request, memory: Memory, text: str) -> Request | None:
        other = self._matcher.best(text, list(self._functions.values()))
        if other and other.function.name != last.function.name:
            return None
        changed = fill(parameters(last.function), text, self._now, meaning=self._meaning)
        if not changed or all(last.arguments.get(key) == value for key, value in changed.items()):
            return None
        return _complete(last.function, {**last.arguments, **changed})

    def _continued(self, memory: Memory, text: str) -> list[Request] | None:
        """'And in Oslo?', 'what about tomorrow?', or a bare '4218': the last function again."""
        if memory.last is None:
            return None
        slots = parameters(memory.last.function)
        bare = len(stems(text)) == 0
        if not (bare or (phrases.CONTINUATION.match(text) and len(words(text)) <= 7)):
            return None
        changed = fill(slots, text, self._now)
        if not changed:
            return None
        return [_complete(memory.last.function, {**memory.last.arguments, **changed})]

    def _matched(self, memory: Memory, text: str) -> list[Request] | None:
        requests: list[Request] = []
        for part in self._parts(text):
            match = self._matcher.best(part, list(self._functions.values()))
            if match is None:
                return None
            before = dict(requests[-1].arguments) if requests else {}
            known = (*before.items(), *memory.known)
            request = self._request(match.function, replace(memory, known=known), part)
            for one in self._spread(request, part):
                if one not in requests:
                    requests.append(one)
        return requests or None

    def _parts(self, text: str) -> list[str]:
        """The utterance cut where a clause asks for something of its own, else whole."""
        functions = list(self._functions.values())
        parts: list[tuple[str, str]] = []
        for clause in phrases.clauses(text):
            match = self._matcher.best(clause, functions)
            name = match.function.name if match else ""
            if not parts or (name and parts[-1][0] and not self._belongs(parts[-1], name, clause)):
                parts.append((name, clause))
            else:
                parts[-1] = (parts[-1][0] or name, f"{parts[-1][1]}, {clause}")
        if len(parts) > 1:
            return [clause for _, clause in parts]
        return [text]

    def _belongs(self, part: tuple[str, str], name: str, clause: str) -> bool:
        """Whether a clause only adds to the request before it."""
        if name != part[0]:
            return self._supplies(part, clause)
        slots = parameters(self._functions[name])
        before, after = (fill(slots, one, self._now) for one in (part[1], clause))
        return not any(key in before and before[key] != after[key] for key in after)

    def _supplies(self, part: tuple[str, str], clause: str) -> bool:
        """'I want to cancel. My order number is 4217.': a statement of what was still missing."""
        if "?" in clause or not _STATES.match(clause):
            return False
        slots = [slot for slot in parameters(self._functions[part[0]]) if slot.required]
        before, after = (fill(slots, one, self._now) for one in (part[1], clause))
        return any(name not in before for name in after)

    def _spread(self, request: Request, text: str) -> list[Request]:
        """'Orders 4217 and 4218' are two requests where the id may be only one."""
        ids = [slot for slot in parameters(request.function) if slot.role == "id" and slot.required]
        if len(ids) != 1 or request.missing or phrases.CORRECTION.search(text):
            return [request]
        if not re.search(r"\d\w*,? (?:and|or) \w*\d|\d, \d{3}", text):
            return [request]
        slot, found = ids[0], [request]
        rest = text
        while (said := found[-1].arguments.get(slot.name)) and str(said) in rest:
            rest = rest.replace(str(said), " ", 1)
            value = fill([slot], rest, self._now).get(slot.name)
            if value is None or len(str(value)) != len(str(said)) or len(found) >= 4:
                break
            found.append(Request(request.function, {**request.arguments, slot.name: value}))
        return found

    def _request(self, function: Function, memory: Memory, text: str) -> Request:
        slots = parameters(function)
        arguments = fill(slots, text, self._now, meaning=self._meaning)
        for slot in slots:
            if slot.name not in arguments and (slot.required or slot.role in ("place", "zone")):
                value = _carried(slot, memory.known, text) or self._there(slot, memory.known, text)
                if value is not None:
                    arguments[slot.name] = value
        return _complete(function, arguments)

    def _there(self, slot: Parameter, known: Iterable[tuple[str, Any]], text: str) -> Any:
        """'What time is it there?' means the place that was spoken of."""
        place = _place_known(known)
        if (
            slot.role not in ("place", "zone")
            or not place
            or not re.search(r"\bthere\b", text, re.I)
        ):
            return None
        return fill([replace(slot, required=True)], f"in {place}", self._now).get(slot.name)


def _place_known(known: Iterable[tuple[str, Any]]) -> str:
    """The place spoken of last."""
    places = ("city", "place", "location", "town", "country")
    return next((str(value) for name, value in known if name in places), "")


def _complete(function: Function, arguments: Arguments) -> Request:
    slots = parameters(function)
    missing = next((s for s in slots if s.required and s.name not in arguments), None)
    ordered = {slot.name: arguments[slot.name] for slot in slots if slot.name in arguments}
    return Request(function, ordered, missing)


def _carried(slot: Parameter, known: Iterable[tuple[str, Any]], text: str) -> Any:
    """A value from before that the words point at: 'cancel it', 'when does my order ship'."""
    noun = {stem(word) for word in split_name(slot.name).split()} - {stem("id"), stem("number")}
    fresh = phrases.ANOTHER.search(text)
    if fresh and (stem(fresh.group(1).lower()) in noun or fresh.group(1).lower() == "one"):
        return None
    if not (slot.role == "id" or phrases.ANAPHOR.search(text)) or slot.role in (
        "text",
        "date",
        "time",
    ):
        return None
    if not slot.required and not re.search(r"\bthere\b", text, re.I):
        return None
    for name, value in known:
        simple = isinstance(value, str | int | float) and not isinstance(value, bool)
        if simple and name.lower() == slot.name.lower():
            return str(value) if slot.kind == "string" else value
        parts = {stem(word) for word in split_name(name).split()} - {stem("id"), stem("number")}
        alike = slot.role == "id" and parts == noun and bool(noun)
        if simple and alike:
            return str(value) if slot.kind == "string" else value
    return None


def _is_yes_no(draft: Request) -> bool:
    return draft.missing is not None and draft.missing.kind == "boolean"


def _asks(said: Said, asked: str) -> bool:
    """Whether the assistant's words end with the question, or were cut within it."""
    plain, wanted = " ".join(words(said.text)), " ".join(words(asked))
    if wanted and wanted in plain:
        return True
    return said.cut and any(plain.endswith(wanted[:n]) for n in range(len(wanted), 3, -1))


def _entries(text: str) -> list[tuple[str, Any]]:
    """The simple entries of a JSON object, those of objects in it too."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    if not isinstance(value, dict):
        return []
    found: list[tuple[str, Any]] = []
    for key, part in value.items():
        if isinstance(part, dict):
            found += [(f"{key}_{k}" if k == "id" else k, v) for k, v in part.items()]
        elif part is not None:
            found.append((str(key), part))
    return found
