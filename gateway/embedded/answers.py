"""The responses of one session: at most one in the conversation, any number out of band."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from gateway.embedded import responses, usage
from gateway.embedded.conversation import Conversation, Item, lines
from gateway.embedded.parts import Mind, Mouth, Situation
from gateway.embedded.responses import Failure, Prompt, Response, Work
from gateway.protocol import sessions
from gateway.protocol.wire import Emit, Json, Refused

MOST_BESIDE = 16  # responses out of band at the same time


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session may use."""

    window: int = 32_768  # tokens that a response can read
    tokens_per_minute: int = 40_000  # reported in rate_limits.updated


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a session: where its events go, and who runs its tasks."""

    emit: Emit
    room: Callable[[], Awaitable[None]]
    tasks: asyncio.TaskGroup
    failure: Callable[[int], Failure | None] = field(default=lambda _: None)


class Answers:
    """Starts responses, cancels them, and counts what they cost."""

    def __init__(
        self,
        *,
        mind: Mind,
        mouth: Mouth,
        frame: Frame,
        limits: Limits,
        words_known: Callable[[Iterable[Item]], Awaitable[None]],
        ended: Callable[[Response], None],
    ) -> None:
        self.active: Response | None = None
        self._mind = mind
        self._mouth = mouth
        self._frame = frame
        self._limits = limits
        self._words_known = words_known
        self._told_end = ended
        self._beside: list[Response] = []
        self._waiting = False  # a turn ended while a response was active
        self._count = 0
        self._meter = usage.Meter()
        self._rate = usage.RateLimit(limits.tokens_per_minute)

    def check_free(self, *, beside: bool) -> None:
        """Raises Refused where a response cannot begin now, in the conversation or beside it."""
        if beside and len(self._beside) >= MOST_BESIDE:
            message = f"{MOST_BESIDE} responses out of band are running. Wait until one has ended."
            raise Refused("rate_limit_exceeded", message)
        if not beside and self.active is not None:
            message = (
                "Conversation already has an active response in progress: "
                f"{self.active.id}. Wait until the response is finished before creating a new one."
            )
            raise Refused("conversation_already_has_active_response", message)

    def answer_turn(self, session: Json, conversation: Conversation) -> None:
        """Answer a turn now, or when the response that is active has ended."""
        if self.active is None:
            self.respond(session, {}, conversation.items, conversation)
        else:
            self._waiting = True

    def answer_waiting(self, session: Json, conversation: Conversation) -> bool:
        """Answer the turn that had to wait, if one did."""
        waited = self._waiting
        if waited:
            self.answer_turn(session, conversation)
        return waited

    def respond(
        self, session: Json, wanted: Json, items: list[Item], conversation: Conversation | None
    ) -> None:
        """Begin a response that reads these items; without a conversation, out of band."""
        settings = sessions.settings(session, wanted)
        items = list(items)
        work = Work(
            mind=self._mind,
            mouth=self._mouth,
            emit=self._frame.emit,
            room=self._frame.room,
            prompt=lambda: self._prompt(session, settings, items),
            usage=self._meter.usage,
            ended=self._ended,
            conversation=conversation,
        )
        response = Response(work, settings)
        if conversation is None:
            self._beside.append(response)
        else:
            self.active, self._waiting = response, False
        response.start()
        self._count += 1
        failure = self._frame.failure(self._count)
        response.task = self._frame.tasks.create_task(response.run(failure))

    async def _prompt(self, session: Json, settings: Json, items: list[Item]) -> Prompt:
        """What the mind reads, once the words of every item are known."""
        await self._words_known(items)
        tools, limit = settings["tools"], settings["max_output_tokens"]
        head = usage.head_cost(settings["instructions"] or session["instructions"], tools)
        read = usage.fitting(head, items, self._limits.window, session["truncation"])
        if read is None:
            message = f"The conversation is longer than the {self._limits.window} tokens it may be."
            raise Failure("context_length_exceeded", message)
        situation = Situation(
            instructions=session["instructions"],
            lines=lines(read),
            functions=responses.functions(tools),
            choice=responses.choice(settings["tool_choice"]),
            request=settings["instructions"].removeprefix(session["instructions"]).strip(),
            max_tokens=None if limit == "inf" else limit,
        )
        return Prompt(situation, (head, *(usage.item_cost(item) for item in read)))

    def _ended(self, response: Response, tokens: int) -> None:
        self._frame.emit(self._rate.spend(tokens, asyncio.get_running_loop().time()))
        if response is self.active:
            self.active = None
            self._told_end(response)
        else:
            self._beside.remove(response)

    def interrupt(self, reason: str) -> None:
        """Stop the response of the conversation, if one is active."""
        self._waiting = False
        if self.active is not None:
            self.active.cancel(reason)

    def cancel(self, response_id: object) -> None:
        """Stop a response by its id, or the conversation's. Raises Refused if there is none."""
        if response_id is None:
            found = self.active
        else:
            running = [*self._beside, *([self.active] if self.active else [])]
            found = next((r for r in running if r.id == response_id), None)
        if found is None:
            message = "Cancellation failed: no active response found"
            raise Refused("response_cancel_not_active", message)
        if found is self.active:
            self._waiting = False
        found.cancel("client_cancelled")
