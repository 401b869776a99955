"""Which function an utterance asks for: words in common, and likeness of meaning if to be had."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.embedded.mind import phrases
from gateway.embedded.mind.figures import codes
from gateway.embedded.mind.meaning import Meaning
from gateway.embedded.mind.schema import parameters
from gateway.embedded.mind.words import STOP, split_name, stem, stems, tokens, words
from gateway.embedded.parts import Function

# What callers say for the words that developers write. Each group is one idea.
_IDEAS = (
    "cancel abort revoke scrap",
    "weather forecast temperature rain raining rainy sunny snow umbrella",
    "time clock hour",
    "ship shipping shipment deliver delivery arrive arrival",
    "order purchase parcel package",
    "book booking reserve reservation",
    "appointment slot",
    "transfer human agent operator representative person someone colleague",
    "hang goodbye disconnect bye",
    "balance account",
    "price cost",
    "refund reimburse",
    "status state track",
    "change update modify reschedule move",
    "find search look lookup",
    "end finish",
)
_IDEA = {stem(word): number for number, group in enumerate(_IDEAS) for word in group.split()}
_IDIOMS = (
    (re.compile(r"\bcall(?:ed)?(?: \w+)? off\b", re.IGNORECASE), "cancel"),
    (re.compile(r"\b(?:turn(?:ed)? up|on (?:its|the) way|(?:leave|left) the \w+)\b", re.I), "ship"),
    (re.compile(r"\bhow late (?:is it|it is)\b", re.IGNORECASE), "current time"),
    (
        re.compile(r"\bwhat(?:'s| is)? (?:the )?(?:date|day) (?:is it|it is|today)\b", re.I),
        "current date",
    ),
)
_PLACE = re.compile(r"\b(?:in|for|at) [A-Z][a-z]")
_LOOKS = re.compile(
    r"\b(?:get|look|lookup|find|check|track|status|search|show|read|list|current|info|details|date)\b"
)
SAME_IDEA = 0.7  # a word for the same idea counts this part of the word itself

# Tuned on tests/embedded/test_mind_table.py's table.
THRESHOLD = 0.4
TO_HANG_UP = 0.12
WORDS_THRESHOLD = 0.4
TO_HANG_UP = 0.12
WORDS_SHARE = 0.55
HINT = 0.25  # likeness from which values in the words speak for a function
ID_SAID, VALUE_SAID, PLACE_SAID, ONLY_LOOKS = 0.08, 0.15, 0.12, 0.15


@dataclass(frozen=True, slots=True)
class Match:
    """A function and how well it fits, from 0 to some 1.5."""

    function: Function
    score: float


@dataclass(frozen=True, slots=True)
class _Document:
    weights: dict[str, float]  # stem -> weight of the field it stands in
    texts: tuple[str, ...]


class Matcher:
    """Ranks functions for an utterance. Holds no state but the model's cache."""

    def __init__(self, meaning: Meaning | None = None) -> None:
        self._meaning = meaning

    @property
    def threshold(self) -> float:
        """The score under which no function is called."""
        return THRESHOLD if self._meaning else WORDS_THRESHOLD

    def best(self, text: str, functions: Sequence[Function]) -> Match | None:
        """The function that the text asks for, if any does."""
        ranked = self.rank(text, functions)
        if not ranked or denied(text, ranked[0].function):
            return None
        # Hanging up on a caller by mistake is worse than not understanding.
        more = TO_HANG_UP if phrases.ends_call(ranked[0].function) else 0.0
        return ranked[0] if ranked[0].score >= self.threshold + more else None

    def rank(self, text: str, functions: Sequence[Function]) -> list[Match]:
        """All functions, the best first."""
        plain = without_values(text)
        documents = [document(function.name, function.description, _slots(function))
                     for function in functions]  # fmt: skip
        shared = _shared(stems(_without_idioms(text)), documents)
        numbered = any(len(code.text) > 2 for code in codes(tokens(text)))
        found = []
        for function, doc, share in zip(functions, documents, shared, strict=True):
            likeness = self._likeness(plain, doc)
            hinted = share > 0 or likeness >= HINT
            fit = _fit(function, plain, numbered, share > 0) if hinted else 0.0
            weight = WORDS_SHARE if self._meaning else 1.0
            score = likeness + weight * (share + fit)
            found.append(Match(function, score))
        return sorted(found, key=lambda match: match.score, reverse=True)

    def _likeness(self, text: str, doc: _Document) -> float:
        if self._meaning is None:
            return 0.0
        return max(self._meaning.likeness(text, other) for other in doc.texts)


def without_values(text: str) -> str:
    """The text without numbers, which mean nothing to the likeness of meaning."""
    return " ".join(re.sub(r"\b[\d,.:-]*\d\b", " ", text).split()) or text


def _without_idioms(text: str) -> str:
    for idiom, word in _IDIOMS:
        text = idiom.sub(word, text)
    return text


def _fit(function: Function, text: str, numbered: bool, shared: bool) -> float:
    """What else speaks for a function: a value that it needs is there; it changes nothing."""
    needed = [one for one in parameters(function) if one.required]
    looks = _LOOKS.search(split_name(function.name)) is not None
    listed = [one for one in needed if one.enum]
    said = set(stems(text))
    chosen = any(said & set(stems(str(value))) for one in listed for value in one.enum)
    places = any(one.role == "place" for one in needed)
    wants = any(one.role == "id" for one in needed)
    return (
        (ID_SAID if wants and numbered and shared else 0.0)
        + (VALUE_SAID if chosen else 0.0)
        + (PLACE_SAID if places and _PLACE.search(text) else 0.0)
        + (ONLY_LOOKS if looks and shared else 0.0)
    )


def _slots(function: Function) -> tuple[tuple[float, str, str], ...]:
    return tuple(
        (
            0.8 if one.required else 0.4,
            one.name,
            " ".join((one.description, *(str(value) for value in one.enum))),
        )
        for one in parameters(function)
    )


@lru_cache(maxsize=512)
def document(name: str, description: str, slots: tuple[tuple[float, str, str], ...]) -> _Document:
    """A function as weighted stems and as texts to compare meanings with."""
    weights: dict[str, float] = {}
    spaced = split_name(name)
    fields = [(1.0, spaced), (0.6, description)]
    for weight, slot, about in slots:
        fields += [(weight, split_name(slot)), (0.25, about)]
    for weight, text in fields:
        for word in words(text):
            if word not in STOP or weight == 1.0:
                weights[stem(word)] = max(weight, weights.get(stem(word), 0.0))
    for common in ("get", "id", "number", "e.g"):
        weights.pop(stem(common), None)
    first = re.split(r"(?<=[.!?])\s", description.strip())[0]
    texts = tuple(dict.fromkeys(text for text in (spaced, first, description) if text))
    return _Document(weights, texts or (name,))


def _shared(said: Sequence[str], documents: Sequence[_Document]) -> list[float]:
    """For each document the weight of the words it shares, rare words counting more, 0 to 1."""
    totals = [0.0] * len(documents)
    for word in dict.fromkeys(said):
        hits = [_weight(word, doc) for doc in documents]
        holders = sum(hit >= 0.4 for hit in hits)
        rarity = math.log(1 + (len(documents) - holders + 0.5) / (holders + 0.5))
        rarity = rarity / math.log(1 + (len(documents) - 0.5) / 1.5) if documents else 0.0
        totals = [total + hit * rarity for total, hit in zip(totals, hits, strict=True)]
    return [total / (total + 0.8) for total in totals]


def _weight(word: str, doc: _Document) -> float:
    own = doc.weights.get(word, 0.0)
    idea = _IDEA.get(word)
    if idea is None or own >= SAME_IDEA:
        return own
    alike = [weight for other, weight in doc.weights.items() if _IDEA.get(other) == idea]
    return max([own, *(SAME_IDEA * weight for weight in alike)])


def denied(text: str, function: Function) -> bool:
    """'Do not cancel it': what is asked for is that nothing be done."""
    named = {stem(word) for word in split_name(function.name).split()}
    match = re.search(r"\b(?:do not|don't|don\u2019t|never|not to)\s+((?:\w+\s*){1,2})", text, re.I)
    return match is not None and bool({stem(word) for word in words(match.group(1))} & named)
