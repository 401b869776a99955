"""A mind behind any OpenAI-compatible chat-completions endpoint: Ollama, vLLM, OpenAI, others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from gateway.embedded.mind.history import request
from gateway.embedded.mind.sentences import Splitter
from gateway.embedded.parts import CallPiece, Say, Situation, Thought
from gateway.errors import AssistantError

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # between two pieces; a cold local model may take long to its first word
NO_KEY = "none"  # the SDK wants some key; local servers ignore it


class ChatMind:
    """Streams a chat completion sentence by sentence, with its tool calls as they are written."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str = "",
        *,
        max_retries: int = 1,
        timeout: float = READ_SECONDS,
        temperature: float | None = None,
    ) -> None:
        self._host = urlsplit(base_url).hostname or base_url  # callers may read of it
        self._model = model
        self._temperature = temperature
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or NO_KEY,
            max_retries=max_retries,
            timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
        )

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        """Stream the model's answer. Raises AssistantError where the endpoint fails."""
        body = request(situation)
        if self._temperature is not None:
            body["temperature"] = self._temperature
        try:
            stream: Any = await self._client.chat.completions.create(
                model=self._model, stream=True, **body
            )
            async with aclosing(_thoughts(stream)) as thoughts:
                async for thought in thoughts:
                    yield thought
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise AssistantError(self._explain(error)) from error

    async def close(self) -> None:
        await self._client.close()

    def _explain(self, error: Exception) -> str:
        where = f"the mind's endpoint at {self._host}"
        match error:
            case openai.APITimeoutError():
                return f"{where} did not answer in time; is the model loaded and fast enough?"
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return (
                    f"{where} refused the key (status {error.status_code}); "
                    "set assistant.mind.api_key to one that it accepts"
                )
            case openai.NotFoundError():
                return (
                    f"{where} knows no model {self._model!r} or no chat completions (status 404); "
                    "set assistant.mind.model to one that it serves, and let base_url end in /v1"
                )
            case openai.RateLimitError():
                return f"{where} is over its rate limit or quota (status 429); try again later"
            case openai.APIStatusError():
                return f"{where} answered with status {error.status_code}; its own log says why"
            case openai.APIConnectionError():
                return (
                    f"{where} cannot be reached; start the server or mend assistant.mind.base_url"
                )
            case openai.APIError():
                return f"{where} reported an error within its answer; its own log says why"
        return f"{where} broke off in the middle of its answer ({type(error).__name__})"


async def _thoughts(stream: Any) -> AsyncGenerator[Thought, None]:
    """Words by sentence; a tool call's pieces as they come, after the words said before it."""
    splitter, calls, thinking = Splitter(), _Calls(), _Thinking()
    try:
        async for chunk in stream:
            for choice in chunk.choices or ():
                if choice.index not in (0, None) or choice.delta is None:
                    continue
                for sentence in splitter.feed(thinking.strip(choice.delta.content or "")):
                    yield Say(sentence)
                if choice.delta.tool_calls:
                    for sentence in splitter.close():
                        yield Say(sentence)
                    for part in choice.delta.tool_calls:
                        for piece in calls.feed(part):
                            yield piece
        for sentence in splitter.feed(thinking.close()):
            yield Say(sentence)
        for sentence in splitter.close():
            yield Say(sentence)
        for piece in calls.close():
            yield piece
    finally:
        await stream.close()


class _Calls:
    """Parallel tool calls told apart by index, or where a server gives none, by their ids."""

    def __init__(self) -> None:
        self._keys: list[tuple[Any, str]] = []  # index as sent, id
        self._names: list[str] = []
        self._waiting: list[str] = []  # arguments that came before their name
        self._sent: list[bool] = []

    def feed(self, part: Any) -> Iterator[CallPiece]:
        function = part.function
        name = (function.name or "") if function else ""
        at = self._place(part.index, part.id or "", name)
        if name and not self._sent[at]:
            self._names[at] += name
        self._waiting[at] += (function.arguments or "") if function else ""
        if self._names[at] and self._waiting[at]:
            yield self._send(at)

    def close(self) -> Iterator[CallPiece]:
        """A call without arguments has none: an empty object."""
        for at, name in enumerate(self._names):
            if name and not self._sent[at]:
                self._waiting[at] = self._waiting[at] or "{}"
                yield self._send(at)

    def _send(self, at: int) -> CallPiece:
        text, self._waiting[at], self._sent[at] = self._waiting[at], "", True
        return CallPiece(at, self._names[at], text)

    def _place(self, index: Any, call_id: str, name: str) -> int:
        for at, (known, known_id) in enumerate(self._keys):
            same_id = not call_id or not known_id or call_id == known_id
            if index is not None and known == index and same_id:
                return at
            if index is None and call_id and call_id == known_id:
                return at
        if index is None and not call_id and not name and self._keys:
            return len(self._keys) - 1
        self._keys.append((index, call_id))
        self._names.append("")
        self._waiting.append("")
        self._sent.append(False)
        return len(self._keys) - 1


class _Thinking:
    """Drops what reasoning models write between <think> and </think>: it is not for the caller."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._inside = False

    def strip(self, text: str) -> str:
        self._held += text
        shown = ""
        while True:
            mark = self._CLOSE if self._inside else self._OPEN
            before, found, after = self._held.partition(mark)
            if not found:
                break
            shown += "" if self._inside else before
            self._held, self._inside = after, not self._inside
        keep = _overlap(self._held, mark)
        ready = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return shown + ("" if self._inside else ready)

    def close(self) -> str:
        return "" if self._inside else self._held


def _overlap(text: str, mark: str) -> int:
    """How many characters at the text's end may be the beginning of the mark."""
    return next((n for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), 0)
