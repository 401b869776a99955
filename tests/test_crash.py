"""A gateway that is killed in the middle of its calls: what is there of them afterwards."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.replay import Replay
from gateway.store.presence import CRASHED
from gateway.store.store import open_store
from gateway.taps.flushing import PERIOD
from gateway.taps.transcripts import mend
from tests.house import EchoEars, PlainMind, ToneMouth, message
from tests.process import gateway_process

CALLS = 20
KEEPING = '[taps]\njournal = "j"\ntranscripts = "t"\n[store]\nurl = "calls.db"\n'


async def in_the_middle(socket: ClientConnection) -> None:
    """Ask for something long, and wait until half a sentence of the answer has been shown."""
    await socket.send(message("start", reports=False))
    await socket.send(message("text", text="Tell me something."))
    async for frame in socket:
        if isinstance(frame, str):
            said = json.loads(frame)
            if said["type"] == "words" and said["role"] == "assistant" and said["text"]:
                return


async def test_a_gateway_killed_in_the_middle_of_its_calls_has_kept_them(tmp_path: Path) -> None:
    assistant = Assistant(EchoEars(), PlainMind(), ToneMouth())
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(serve_embedded(assistant))
        gateway = await stack.enter_async_context(
            gateway_process(tmp_path, model.base_url, KEEPING)
        )
        place = gateway.address.replace("http", "ws") + "/browser"
        callers = [
            await stack.enter_async_context(connect(place, max_queue=None)) for _ in range(CALLS)
        ]
        await asyncio.gather(*map(in_the_middle, callers))
        await asyncio.sleep(2 * PERIOD)
        gateway.child.kill()
        await gateway.child.wait()

    journals = list((tmp_path / "j").iterdir())
    assert len(journals) == CALLS
    for path in journals:
        replay = Replay(path)
        assert list(replay.differences()) == []
        assert replay.events > 5

    assert mend(tmp_path / "t") == CALLS
    for path in (tmp_path / "t").iterdir():
        head, asked, answered = map(json.loads, path.read_text().splitlines())
        assert head["ended"] == CRASHED
        assert asked["caller"] == "Tell me something."
        assert PlainMind().sentence.startswith(answered["assistant"])

    async with open_store(str(tmp_path / "calls.db"), tmp_path / "trunkline.spill") as store:
        for path in journals:
            call = await store.reading.call(path.name.partition(".")[0])
            assert call is not None
            assert call["reason"] == CRASHED
            assert call["ended_ms"] >= call["began_ms"]
            who = [turn["who"] for turn in await store.reading.turns(call["id"])]
            assert who == ["caller", "assistant"]
