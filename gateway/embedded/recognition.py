"""The words of the user's items: recognised beside the conversation, told where that is wished."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from gateway.embedded.conversation import Conversation, Item
from gateway.embedded.input import Listener
from gateway.embedded.responses import Failure
from gateway.embedded.usage import transcription_usage
from gateway.protocol.wire import Emit

log = logging.getLogger(__name__)


class Recognition:
    """Recognitions that are under way, by item; answers wait for those that they read."""

    def __init__(self, emit: Emit, tasks: asyncio.TaskGroup, conversation: Conversation) -> None:
        self._emit = emit
        self._tasks = tasks
        self._conversation = conversation
        self._running: dict[int, asyncio.Task[None]] = {}
        self._early: tuple[str, str] = ("", "")  # an item that is being spoken, its words so far

    def start(self, item: Item, listeners: dict[int, Listener], told: bool) -> None:
        """Recognise an item's audio; `told` says whether the client hears of it."""
        task = self._tasks.create_task(self._run(item, listeners, told))
        self._running[id(item)] = task
        task.add_done_callback(lambda _: self._running.pop(id(item), None))

    def tell_early(self, item_id: str, words: str) -> None:
        """Words that are certain while the item is still being spoken."""
        so_far = self._early[1] if self._early[0] == item_id else ""
        self._early = item_id, so_far + words
        self._tell_delta(item_id, 0, words)

    def _tell_delta(self, item_id: str, index: int, words: str) -> None:
        kind = "conversation.item.input_audio_transcription.delta"
        self._emit({"type": kind, "item_id": item_id, "content_index": index, "delta": words})

    async def wait(self, items: Iterable[Item]) -> None:
        """Wait for the words of these items. Raises Failure, once, where the ears failed."""
        items = list(items)
        running = [self._running[id(item)] for item in items if id(item) in self._running]
        if running:
            await asyncio.wait(running)
        failed = [item for item in items if item.unheard]
        for item in failed:
            item.unheard = False
        if failed:
            message = "The server could not recognise the user's words. Try again."
            raise Failure("server_error", message, "server_error")

    async def _run(self, item: Item, listeners: dict[int, Listener], told: bool) -> None:
        try:
            for index, listener in listeners.items():
                words = await listener.finish()
                item.words[index] = words
                if told and self._conversation.find(item.id) is item:
                    self._tell(item, index, words)
        except Exception:
            # Whatever breaks inside the ears must not take the session with it.
            log.exception("the ears failed")
            item.unheard = True
            if told:
                self._tell_failed(item, index)
        finally:
            for listener in listeners.values():
                listener.cancel()

    def _tell(self, item: Item, index: int, words: str) -> None:
        item.wire["content"][index]["transcript"] = words
        where = {"item_id": item.id, "content_index": index}
        kind = "conversation.item.input_audio_transcription"
        told = self._early[1] if self._early[0] == item.id else ""
        if words.startswith(told) and words != told:  # else the last look changed earlier words
            self._tell_delta(item.id, index, words[len(told) :])
        spent = transcription_usage(item.sounds[index].ms, words)
        self._emit({"type": f"{kind}.completed", **where, "transcript": words, "usage": spent})

    def _tell_failed(self, item: Item, index: int) -> None:
        self._emit(
            {
                "type": "conversation.item.input_audio_transcription.failed",
                "item_id": item.id,
                "content_index": index,
                "error": {
                    "type": "transcription_error",
                    "code": "server_error",
                    "message": "The server could not recognise the words of this item.",
                    "param": "",
                },
            }
        )
