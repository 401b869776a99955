"""Responses: how an answer of the model ended, what it asks to be run, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import get_args

from gateway.assistants.fields import Json, count, inner, objects, text
from gateway.call.events import ResponseStatus, ToolArguments, ToolCall, Usage
from gateway.call.plan import ToolSpec
from gateway.recent import keep

BEGUN = 32  # function calls that are being written

STATUSES: frozenset[ResponseStatus] = frozenset(get_args(ResponseStatus))


class ArgumentPieces:
    """Function calls while the model writes them, for tools that want to begin early."""

    def __init__(self) -> None:
        self.wanted: tuple[ToolSpec, ...] = ()
        self._begun: dict[str, ToolCall] = {}  # by item

    def begin(self, item: Json) -> None:
        """An item of an answer begins; only a function call that is wanted is remembered."""
        name = text(item, "name")
        early = any(spec.prefetch and spec.name == name for spec in self.wanted)
        if early and text(item, "type") == "function_call":
            call = ToolCall(text(item, "call_id"), name, "")
            keep(self._begun, text(item, "id"), call, BEGUN)

    def piece(self, event: Json) -> Iterator[ToolArguments]:
        """The next piece of the arguments."""
        if (call := self._begun.get(text(event, "item_id"))) is not None:
            yield ToolArguments(call.call_id, call.name, text(event, "delta"))


def outcome(response: Json) -> tuple[ResponseStatus, str, str]:
    """Status, reason and code. Without a status it is complete; with an unknown one, failed."""
    details = inner(response, "status_details")
    error = inner(details, "error")
    code = text(error, "code") or text(error, "type")
    said = ": ".join(filter(None, (code, text(error, "message"))))
    bare = text(response, "status_details")  # a word, from some servers
    reason = text(details, "reason") or said or bare
    given = text(response, "status") or "completed"
    for status in STATUSES:
        if given == status:
            return status, reason, code
    return "failed", reason or f"unknown status {given[:40]!r}", code


def function_calls(announced: Iterable[Json], response: Json) -> tuple[ToolCall, ...]:
    """The complete calls of a response, each once. Some servers list them only item by item."""
    calls: dict[str, ToolCall] = {}
    for item in chain(announced, objects(response, "output")):
        whole = text(item, "status") in ("completed", "")
        if text(item, "type") == "function_call" and whole and text(item, "call_id"):
            call = ToolCall(
                *(text(item, "call_id"), text(item, "name"), text(item, "arguments")),
                item_id=text(item, "id"),
            )
            calls[call.call_id] = call
    return tuple(calls.values())


def tokens(response: Json) -> Usage:
    """What the response cost. Where a server gives totals without details, they count as text."""
    usage = inner(response, "usage")
    heard, said = inner(usage, "input_token_details"), inner(usage, "output_token_details")
    cached = inner(heard, "cached_tokens_details")
    return Usage(
        input_text=count(heard, "text_tokens") if heard else count(usage, "input_tokens"),
        input_audio=count(heard, "audio_tokens"),
        cached_text=count(cached, "text_tokens"),
        cached_audio=count(cached, "audio_tokens"),
        output_text=count(said, "text_tokens") if said else count(usage, "output_tokens"),
        output_audio=count(said, "audio_tokens"),
        input_image=count(heard, "image_tokens"),
        cached_image=count(cached, "image_tokens"),
    )
