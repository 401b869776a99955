"""Running one response: the mind's thoughts through the mouth, until done, cut, or failed.

Whatever happens, there is exactly one response.done. A cancellation tells the client first, in one
go, and then stops the task, which closes mind and mouth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.embedded.conversation import Conversation
from gateway.embedded.output import Output
from gateway.embedded.parts import MOUTH_RATE, CallPiece, Function, Mind, Mouth, Say, Situation
from gateway.embedded.sound import Encoder
from gateway.embedded.usage import Cost, assistant_tokens, text_tokens
from gateway.errors import AssistantError
from gateway.protocol.wire import Emit, Json, new_id

log = logging.getLogger(__name__)
PCM_PER_MS = MOUTH_RATE // 1000 * 2
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a response reads, and what that costs."""

    situation: Situation
    costs: tuple[Cost, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """All that a response needs from its session."""

    mind: Mind
    mouth: Mouth
    emit: Emit
    room: Callable[[], Awaitable[None]]  # waits until the client has taken what was sent
    prompt: Callable[[], Awaitable[Prompt]]  # waits until the user's words are known
    usage: Callable[[tuple[Cost, ...], int, int], Json]
    ended: Callable[[Response, int], None]  # told with the tokens that it used
    conversation: Conversation | None  # None: out of band


class Failure(Exception):
    """A response fails with this code, told in its status_details."""

    def __init__(self, code: str, message: str, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.error = {"type": kind, "code": code, "message": message}


class LimitReached(Exception):
    """The response has used up its max_output_tokens."""


class Response:
    """One response, from response.created to response.done."""

    def __init__(self, work: Work, settings: dict[str, Any]) -> None:
        self.id = new_id("resp")
        self.status = "in_progress"
        self.details: Json | None = None
        self.task: asyncio.Task[None] | None = None
        self.first_sound: float | None = None  # loop time
        self._work = work
        self._settings = settings
        self._costs: tuple[Cost, ...] = ()
        self._usage: Json | None = None
        self._encoder = Encoder(settings["format"]["type"])
        self._spoke = False  # the encoder holds audio of the open item
        self.output = Output(self.id, self._emit, work.conversation, settings["format"]["type"])

    @property
    def plays_until(self) -> float:
        """The loop time at which a client that plays as it receives has heard all of it."""
        ms = sum(p.ms for item in self.output.items for p in item.pieces)
        return 0.0 if self.first_sound is None else self.first_sound + ms / 1000

    @property
    def done(self) -> bool:
        return self.status != "in_progress"

    @property
    def in_conversation(self) -> bool:
        return self._work.conversation is not None

    def _emit(self, event: Json) -> None:
        assert not self.done, "a response that is done says no more"
        self._work.emit(event)

    def wire(self) -> Json:
        """The response object."""
        settings, conversation = self._settings, self._work.conversation
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.details,
            "output": [item.wire for item in self.output.items],
            "conversation_id": conversation.id if conversation else None,
            "output_modalities": settings["output_modalities"],
            "max_output_tokens": settings["max_output_tokens"],
            "audio": {"output": {"format": settings["format"], "voice": settings["voice"]}},
            "usage": self._usage,
            "metadata": settings["metadata"],
        }

    # ------------------------------------------------------------ its life

    async def run(self, failure: Failure | None = None) -> None:
        """Answer; `failure` was ordered beforehand."""
        try:
            if failure is not None:
                raise failure
            prompt = await self._work.prompt()
            self._costs = prompt.costs
            await self._answer(prompt.situation)
        except Failure as error:
            self.end("failed", {"error": error.error})
        except LimitReached:
            self.end("incomplete", {"reason": "max_output_tokens"})
        except AssistantError as error:  # what a part cannot do, and what to do about it
            log.error("a part of the assistant cannot do its work", extra={"why": str(error)})
            self.end("failed", {"error": Failure("server_error", str(error), "server_error").error})
        except Exception:
            # Whatever breaks inside a part must not take the session with it.
            log.exception("a part of the assistant failed")
            message = "The server had an error while processing your request. Try again."
            self.end("failed", {"error": Failure("server_error", message, "server_error").error})
        else:
            self.end("completed")

    def start(self) -> None:
        """Tell that it has begun."""
        self._emit({"type": "response.created", "response": self.wire()})

    def cancel(self, reason: str) -> None:
        """Stop at once: the client is told before this returns."""
        self.end("cancelled", {"reason": reason})
        if self.task is not None:
            self.task.cancel()

    def end(self, status: str, details: Json | None = None) -> None:
        """Close what is open and say response.done, once."""
        if self.done:
            return
        self.output.close("completed" if status == "completed" else "incomplete")
        self._usage = self._work.usage(self._costs, *self.output.tokens())
        self.status = status
        self.details = None if details is None else {"type": status} | details
        self._work.emit({"type": "response.done", "response": self.wire()})
        self._work.ended(self, self._usage["total_tokens"])

    # ------------------------------------------------------------ the answer

    async def _answer(self, situation: Situation) -> None:
        async with closing(self._work.mind.answer(situation)) as thoughts:
            async for thought in thoughts:
                match thought:
                    case Say(text) if text.strip():
                        await self._say(text)
                    case CallPiece():
                        if thought.index > 0 and self._settings["parallel"] is False:
                            break
                        self._flush()
                        self._afford(text_tokens(thought.arguments))
                        self.output.call(thought)
                        await self._work.room()
                    case _:
                        pass
        self._flush()

    async def _say(self, text: str) -> None:
        self._afford(text_tokens(text))
        if self._settings["output_modalities"] == ["text"]:
            self.output.write(text)
            await self._work.room()
            return
        piece = self.output.begin_piece(text)
        voice = self._settings["voice"]
        voice = voice["id"] if isinstance(voice, dict) else voice
        speech = self._work.mouth.speak(piece.text, voice=voice, speed=self._settings["speed"])
        async with closing(speech) as sounds:
            async for pcm in sounds:
                self._afford(assistant_tokens(len(pcm) / PCM_PER_MS))
                piece.ms += len(pcm) / PCM_PER_MS
                self._spoke = True
                self._send(self._encoder.push(pcm))
                await self._work.room()
        piece.whole = True

    def _flush(self) -> None:
        """Send the rest of an item's audio before anything else follows."""
        if self._spoke:
            self._send(self._encoder.flush())
            self._encoder = Encoder(self._settings["format"]["type"])
            self._spoke = False

    def _send(self, deltas: list[bytes]) -> None:
        for delta in deltas:
            if self.first_sound is None:
                self.first_sound = asyncio.get_running_loop().time()
            self.output.sound(delta)

    def _afford(self, more: int) -> None:
        limit = self._settings["max_output_tokens"]
        if limit != "inf" and sum(self.output.tokens()) + more > limit:
            raise LimitReached


@asynccontextmanager
async def closing(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close a stream on the way out, where it can be closed."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


def functions(tools: list[Json]) -> tuple[Function, ...]:
    """The session's tools as a mind knows them."""
    return tuple(Function(t["name"], t["description"] or "", t["parameters"]) for t in tools)


def choice(value: Any) -> str:
    """tool_choice as a mind knows it."""
    return str(value["name"] if isinstance(value, dict) else value)
