"""What a response costs in tokens, at the documented rates, and the rate limit that is left. Pure.

User audio is one token per 100 ms, the assistant's audio one per 50 ms and its transcript besides.
Text is estimated at four characters a token. Cached tokens are those of the part of the input that
is the same, from its beginning, as the input of a response shortly before.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from gateway.embedded.conversation import Item
from gateway.protocol.wire import Json

CHARS_PER_TOKEN = 4
USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50
REMEMBERED = 4  # inputs: the conversation's stays cached while others are answered beside it


def text_tokens(text: str) -> int:
    """An estimate for written text."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def user_tokens(ms: float) -> int:
    """Tokens of the user's audio."""
    return math.ceil(ms / USER_MS_PER_TOKEN)


def assistant_tokens(ms: float) -> int:
    """Tokens of the assistant's audio."""
    return math.ceil(ms / ASSISTANT_MS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Cost:
    """One stretch of a response's input; two with the same key are the same tokens."""

    key: tuple[object, ...]
    text: int
    audio: int = 0


def head_cost(instructions: str, tools: Sequence[Json]) -> Cost:
    """Instructions and tools, which stand before every conversation."""
    listed = json.dumps(list(tools)) if tools else ""
    return Cost(("head", instructions, listed), text_tokens(instructions) + text_tokens(listed))


def item_cost(item: Item) -> Cost:
    """One item as it is read again by a later response."""
    wire = item.wire
    if wire["type"] == "function_call":
        text = text_tokens(wire["name"]) + text_tokens(wire["arguments"])
    elif wire["type"] == "function_call_output":
        text = text_tokens(wire["output"])
    elif item.has_assistant_audio:
        text = text_tokens(item.said())
    else:
        text = sum(text_tokens(part.get("text", "")) for part in wire["content"])
    rate = assistant_tokens if wire.get("role") == "assistant" else user_tokens
    audio = sum(rate(sound.ms) for sound in item.sounds.values())
    return Cost((item.id, text, audio), text, audio)


def total(costs: Sequence[Cost]) -> int:
    """All tokens of a response's input."""
    return sum(cost.text + cost.audio for cost in costs)


def fitting(head: Cost, items: Sequence[Item], window: int, truncation: Any) -> list[Item] | None:
    """The latest items that fit the window with the head; None where dropping is forbidden.

    A retention ratio drops more at once, so that the prefix stays the same for longer.
    """
    costs = [item_cost(item) for item in items]
    if total([head, *costs]) <= window:
        return list(items)
    if truncation == "disabled":
        return None
    room = float(window)
    if isinstance(truncation, dict):
        room *= truncation["retention_ratio"]
    start = 0
    while start < len(items) and total([head, *costs[start:]]) > room:
        start += 1
    return list(items[start:])


class Meter:
    """Usage of one session's responses, one after another."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Cost, ...]] = deque(maxlen=REMEMBERED)

    def usage(self, costs: Sequence[Cost], text_out: int, audio_out: int) -> Json:
        """The `usage` of response.done."""
        cached = max((_shared(old, costs) for old in self._recent), key=total, default=())
        cached_text, cached_audio = sum(c.text for c in cached), sum(c.audio for c in cached)
        if costs:
            self._recent.append(tuple(costs))
        text_in, audio_in = sum(c.text for c in costs), sum(c.audio for c in costs)
        return {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }


def _shared(old: Sequence[Cost], new: Sequence[Cost]) -> Sequence[Cost]:
    """The part from the beginning that is the same in both."""
    pairs = zip(old, new, strict=False)
    return [cost for _, cost in takewhile(lambda pair: pair[0].key == pair[1].key, pairs)]


class RateLimit:
    """A bucket of tokens that fills up again within a minute; it reports, it does not refuse."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._used = 0.0
        self._at = 0.0

    def spend(self, tokens: int, now: float) -> Json:
        """The rate_limits.updated event after a response."""
        per_second = self._limit / 60
        self._used = max(0.0, self._used - (now - self._at) * per_second)
        self._at = now
        self._used = min(float(self._limit), self._used + tokens)
        state = {
            "name": "tokens",
            "limit": self._limit,
            "remaining": int(self._limit - self._used),
            "reset_seconds": round(self._used / per_second, 3),
        }
        return {"type": "rate_limits.updated", "rate_limits": [state]}


def transcription_usage(ms: float, text: str) -> Json:
    """The `usage` of a transcription.completed event."""
    heard, written = user_tokens(ms), text_tokens(text)
    return {
        "type": "tokens",
        "total_tokens": heard + written,
        "input_tokens": heard,
        "output_tokens": written,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }
