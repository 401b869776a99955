"""A gateway that is killed in the middle of its calls: what is there of them afterwards."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from audio import wav
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.replay import Replay
from gateway.store.presence import CRASHED
from gateway.store.store import open_store
from tests.house import EchoEars, PlainMind, ToneMouth, message
from tests.process import gateway_process

CALLS = 20
SECONDS = 2.0  # that each of them lasts at least
KEEPING = """
[taps]
journal = "j"
transcripts = "t"
recording = "r"
[store]
url = "calls.db"
"""


async def in_the_middle(socket: ClientConnection) -> None:
    """Ask for something long, and wait until half a sentence of the answer has been shown."""
    await socket.send(message("start", reports=False))
    await socket.send(message("text", text="Tell me something."))
    async for frame in socket:
        if isinstance(frame, str):
            said = json.loads(frame)
            if said["type"] == "words" and said["role"] == "assistant" and said["text"]:
                return


async def on_the_line(socket: ClientConnection) -> None:
    """Be silent for a while, as a microphone is."""
    for _ in range(int(SECONDS / 0.02)):
        await socket.send(bytes(960))
        await asyncio.sleep(0.02)


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
        await asyncio.gather(*map(on_the_line, callers))
        gateway.child.kill()
        await gateway.child.wait()
        after = await stack.enter_async_context(gateway_process(tmp_path, model.base_url, KEEPING))
        after.child.terminate()  # what was left open is closed by then
        assert await after.child.wait() == 0

    journals = list((tmp_path / "j").iterdir())
    assert len(journals) == CALLS
    for path in journals:
        replay = Replay(path)
        assert list(replay.differences()) == []
        last = json.loads(path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2])
        assert last["t"] >= (SECONDS - 1) * 1_000_000, "no more than the last second is lost"

    recorded = [wav.info(path) for path in (tmp_path / "r").iterdir()]
    assert len(recorded) == CALLS
    assert min(one.seconds for one in recorded) >= SECONDS - 1
    assert len(list((tmp_path / "t").iterdir())) == CALLS
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
