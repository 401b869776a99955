"""A relay before an assistant: passes everything on, and notes what the assistant sees."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

BYTES_PER_MS = 48  # PCM16 at 24 kHz


@dataclass
class Wire:
    """What went over it, of all calls."""

    base_url: str
    sent_bytes: Counter[str] = field(default_factory=Counter)  # audio of each item
    truncated: dict[str, int] = field(default_factory=dict)  # item: audio_end_ms
    sent_when_truncated: dict[str, int] = field(default_factory=dict)  # item: milliseconds
    deleted: set[str] = field(default_factory=set)
    twice: list[str] = field(default_factory=list)  # items that were cut more than once
    refusals: list[str] = field(default_factory=list)

    def to_assistant(self, text: str) -> None:
        if '"conversation.item.truncate"' in text:
            event = json.loads(text)
            item = event["item_id"]
            self._once(item)
            self.truncated[item] = event["audio_end_ms"]
            self.sent_when_truncated[item] = self.sent_bytes[item] // BYTES_PER_MS
        elif '"conversation.item.delete"' in text:
            item = json.loads(text)["item_id"]
            self._once(item)
            self.deleted.add(item)

    def to_gateway(self, text: str) -> None:
        if '"response.output_audio.delta"' in text:
            event = json.loads(text)
            self.sent_bytes[event["item_id"]] += len(base64.b64decode(event["delta"]))
        elif text.startswith('{"type":"error"') or '"type": "error"' in text:
            self.refusals.append(json.loads(text)["error"]["code"])

    def _once(self, item: str) -> None:
        if item in self.truncated or item in self.deleted:
            self.twice.append(item)


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[Wire]:
    """Listen on a free port, and pass on to the assistant on that one."""
    wire = Wire("")

    async def carry(gateway: ServerConnection) -> None:
        assert gateway.request is not None
        url = f"ws://127.0.0.1:{port}{gateway.request.path}"
        async with connect(url, compression=None, max_size=None, proxy=None) as assistant:

            async def back() -> None:
                with suppress(ConnectionClosed):
                    async for message in assistant:
                        assert isinstance(message, str)
                        wire.to_gateway(message)
                        await gateway.send(message)
                await gateway.close()

            task = asyncio.create_task(back())
            with suppress(ConnectionClosed):
                async for message in gateway:
                    assert isinstance(message, str)
                    wire.to_assistant(message)
                    await assistant.send(message)
            await assistant.close()
            await task

    async with serve(carry, "127.0.0.1", 0, compression=None, max_size=None) as server:
        wire.base_url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1"
        yield wire
