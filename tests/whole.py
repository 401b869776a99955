"""A whole gateway as `trunkline serve` opens it, answering with a tone, and a caller who types."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from gateway.embedded.parts import CallPiece, Returned, Say, Situation, Thought
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import load
from tests.house import EchoEars, House, ToneMouth, message


@dataclass
class BriefMind:
    """Answers in a word, after one function call where it has one."""

    sentence: str = "Yes."
    call: str = ""

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        asked = any(isinstance(line, Returned) for line in situation.lines)
        yield Say(self.sentence) if asked or not self.call else CallPiece(0, self.call, "{}")

    async def close(self) -> None: ...


@asynccontextmanager
async def open_whole(
    variables: Mapping[str, str], mind: BriefMind | None = None
) -> AsyncIterator[House]:
    """The gateway with everything that its settings ask for."""
    async with serve_embedded(Assistant(EchoEars(), mind or BriefMind(), ToneMouth())) as model:
        told = {
            "TRUNKLINE_ASSISTANT__BASE_URL": model.base_url,
            "TRUNKLINE_LIMITS__LAG_MS": "0",  # a busy machine refuses no call of a test
            **variables,
        }
        with listen("127.0.0.1", 0) as bound:
            async with (
                open_gateway(load(None, told)) as gateway,
                listening(gateway, bound) as address,
            ):
                yield House(gateway, address)
                await gateway.switchboard.drain(0)


@asynccontextmanager
async def typing(house: House, name: str = "", token: str = "") -> AsyncIterator[Typist]:
    """A caller on the page who has joined; hangs up at the end."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with connect(house.browser, additional_headers=headers) as socket:
        await socket.send(message("start", reports=False, name=name))
        typist = Typist(socket)
        typist.call_id = (await typist.wait_for("started"))["call"]
        yield typist
        await typist.hang_up()
    async with asyncio.timeout(10):  # until it has ended for the gateway, too
        while house.gateway.switchboard.find(typist.call_id) is not None:
            await asyncio.sleep(0.005)


class Typist:
    """Types, and sees what the page shows."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.call_id = ""
        self.over: dict[str, Any] | None = None

    async def wait_for(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """The next message of that type with those fields."""
        return await self.wait_for_any(kind, **wanted)

    async def wait_for_any(self, *kinds: str, **wanted: Any) -> dict[str, Any]:
        """The next message of one of these types with those fields."""
        async for frame in self._socket:
            if isinstance(frame, bytes):
                continue
            said: dict[str, Any] = json.loads(frame)
            if said["type"] == "ended":
                self.over = said
            if said["type"] in kinds and wanted.items() <= said.items():
                return said
        raise AssertionError(f"the line was closed before {kinds}: {self._socket.close_reason}")

    async def type(self, text: str) -> None:
        """Type, and wait for nothing."""
        await self._socket.send(message("text", text=text))

    async def ask(self, text: str) -> dict[str, Any]:
        """Type, and hear the answer to its end."""
        await self.type(text)
        return await self.wait_for("words", role="assistant", final=True)

    async def hang_up(self) -> None:
        """End the call, if nobody has yet."""
        if self.over is None:
            await self._socket.send(message("hangup"))
            await self.wait_for("ended")
