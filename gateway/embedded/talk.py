"""One WebSocket of the embedded server: frames in and out around a session, until either ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.embedded.answers import Frame, Limits
from gateway.embedded.connection import Connection, Parts
from gateway.embedded.faults import Faults
from gateway.embedded.outbox import Outbox
from gateway.protocol import beta
from gateway.protocol.reading import check, event_id_of, parsed
from gateway.protocol.wire import Json, Refused, new_id, unknown_key

log = logging.getLogger(__name__)


class _Over(Exception):
    """The conversation ends; with a refusal, the client is told why."""

    def __init__(self, refusal: Refused | None = None, code: int = 1000, reason: str = "") -> None:
        super().__init__(reason)
        self.refusal = refusal
        self.code = code
        self.reason = reason


class Talk:
    """One client's socket, in its shape of the protocol, with the faults that were ordered."""

    def __init__(
        self, socket: WebSocket, *, beta_shape: bool, beta_allowed: bool, faults: Faults
    ) -> None:
        self._socket = socket
        self._beta = beta_shape
        self._beta_allowed = beta_allowed
        self._faults = faults
        self._outbox = Outbox()
        self._sent = 0
        self._last_audio: Json | None = None

    # ------------------------------------------------------------ out

    def emit(self, event: Json) -> None:
        """Queue an event, in the client's shape."""
        self._put(event)
        if event["type"] == "response.output_audio.delta":
            self._last_audio = event
        cancelled = event["type"] == "response.done" and event["response"]["status"] == "cancelled"
        if cancelled and self._last_audio is not None:
            for _ in range(self._faults.late):
                self._put(self._last_audio)

    def _put(self, event: Json) -> None:
        event = {"type": event["type"], "event_id": new_id("event")} | event
        for translated in beta.from_ga_server(event) if self._beta else (event,):
            self._outbox.put(msgspec.json.encode(translated).decode())

    async def _send(self, message: str) -> None:
        if self._faults.drop_after is not None and self._sent >= self._faults.drop_after:
            raise _Over
        if self._faults.delay_ms:
            await asyncio.sleep(self._faults.delay_ms / 1000)
        self._sent += 1
        try:
            await self._socket.send_text(message)
        except WebSocketDisconnect:
            raise _Over from None

    # ------------------------------------------------------------ in

    def _take(self, connection: Connection, message: Mapping[str, Any]) -> None:
        """Carry out one frame; whatever is wrong with it is answered, and the socket stays."""
        event: Json = {}
        try:
            event = _parsed(message)
            check(event)
            for translated in self._translated(event):
                connection.handle(translated)
        except Refused as refusal:
            self.emit(refusal.event(event_id_of(event)))
        except Exception:
            # A fault of ours in one event must not end the conversation.
            log.exception("a client event could not be carried out")
            problem = "The server had an error while processing your event. Try again."
            fault = Refused("server_error", problem, kind="server_error")
            self.emit(fault.event(event_id_of(event)))

    def _translated(self, event: Json) -> list[Json]:
        updates = event["type"] == "session.update"
        if updates and not self._beta and self._beta_allowed:
            self._beta = beta.is_beta_session(event.get("session"))
        if not self._beta:
            return [event]
        strange = beta.ga_only_key(event.get("session")) if updates else None
        if strange is not None:
            raise unknown_key(f"session.{strange}")
        return beta.to_ga_client(event)

    # ------------------------------------------------------------ the whole

    async def run(
        self, session: Json, parts: Parts, limits: Limits, *, seconds: float, **how: bool
    ) -> None:
        """Hold the conversation until the client leaves or the session expires."""
        over = _Over()
        try:
            async with asyncio.TaskGroup() as tasks:
                frame = Frame(self.emit, self._outbox.wait_room, tasks, self._faults.failure)
                connection = Connection(session, parts, frame, limits=limits, **how)
                try:
                    self._greet(session, connection)
                    tasks.create_task(self._outbox.deliver(self._send))
                    await self._read(connection, seconds)
                finally:
                    connection.close()
        except* _Over as ends:
            over = next(e for e in ends.exceptions if isinstance(e, _Over))
        if over.refusal is not None:
            await self.refuse(over.refusal, over.code, over.reason)

    def _greet(self, session: Json, connection: Connection) -> None:
        self.emit({"type": "session.created", "session": session})
        if self._beta:
            conversation = {"id": connection.conversation.id, "object": "realtime.conversation"}
            self.emit({"type": "conversation.created", "conversation": conversation})

    async def _read(self, connection: Connection, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await self._socket.receive()
                    if message["type"] == "websocket.disconnect":
                        raise _Over
                    self._take(connection, message)
                    del message
                    await self._outbox.wait_room()
        except TimeoutError:
            length = f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"
            text = f"Your session hit the maximum duration of {length}."
            raise _Over(Refused("session_expired", text), 1001, text) from None

    async def refuse(self, refusal: Refused, code: int, reason: str = "") -> None:
        """Tell why, and close."""
        self.emit(refusal.event())
        try:
            await self._outbox.flush(self._socket.send_text)
            await self._socket.close(code, reason or f"{refusal.kind}.{refusal.code}")
        except WebSocketDisconnect:
            pass


def _parsed(message: Mapping[str, Any]) -> Json:
    text = message.get("text")
    if text is None:
        raise Refused("invalid_event", "Expected a JSON object in a text frame, got a binary one.")
    return parsed(text)
