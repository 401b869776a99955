"""A gateway that is killed in the middle of its calls: what is there of them afterwards."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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

ROOT = Path(__file__).parents[1]
CALLS = 20
SERVE = "import sys; sys.path.insert(0, {!r}); from gateway.cli import main; sys.exit(main())"


@asynccontextmanager
async def process(
    folder: Path, model: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway in a process of its own, and where it listens; it is killed."""
    keeping = '[taps]\njournal = "j"\ntranscripts = "t"\n[store]\nurl = "calls.db"\n'
    (folder / "trunkline.toml").write_text(f'[assistant]\nbase_url = "{model}"\n{keeping}')
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", SERVE.format(str(ROOT)), "serve", "--port", "0"),
        cwd=folder,
        env={"TRUNKLINE_LOG__FORMAT": "json"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert child.stderr is not None
        while (said := json.loads(await child.stderr.readline()))["message"] != "ready":
            pass
        yield child, said["address"]
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


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
        child, address = await stack.enter_async_context(process(tmp_path, model.base_url))
        place = address.replace("http", "ws") + "/browser"
        callers = [
            await stack.enter_async_context(connect(place, max_queue=None)) for _ in range(CALLS)
        ]
        await asyncio.gather(*map(in_the_middle, callers))
        await asyncio.sleep(2 * PERIOD)
        child.kill()
        await child.wait()

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
