"""`trunkline demo` from its first word to Ctrl-C, with the port in use that it wants."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from audio import wav
from gateway.commands import demo
from gateway.rehearsal.conversation import Conversation, Line, Savings, Sound, ToolUse
from gateway.running.listening import listen

ROOT = Path(__file__).parents[2]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from gateway.launch import main"


async def read_until(out: asyncio.StreamReader, words: str) -> str:
    read = ""
    async with asyncio.timeout(60):
        while words not in read:
            line = (await out.readline()).decode()
            if not line:
                break
            read += line
    return read


@pytest.mark.models
async def test_it_shows_a_call_and_then_the_page_at_the_next_free_port(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", f"{START}; sys.exit(main())"),
            *("demo", "--port", str(port)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "ONCE": "0", "PYTHONUNBUFFERED": "1"},
        )
        assert process.stdout is not None
        shown = await read_until(process.stdout, "Now talk to it yourself")
        found = re.search(r"http://localhost:(\d+)", shown)
        if found is None:
            process.kill()
            pytest.fail(f"{shown}\n{(await process.communicate())[1].decode()}")
        async with httpx2.AsyncClient(trust_env=False) as client:
            page = await client.get(f"http://127.0.0.1:{found[1]}/")
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    assert f"Port {port} is in use" in shown
    assert "\x1b" not in shown
    for words in ("cut off by the caller", "ships on Wednesday", "median", "worth $", "recording"):
        assert words in shown
    assert page.status_code == 200
    (recording,) = (tmp_path / "recordings").iterdir()
    assert wav.info(recording).channels == 2


GOOD = Conversation(
    call_id="call_1",
    assistant="embedded",
    transcript=(
        Line("assistant", "Order 4217", 1.0, cut=True),
        Line("assistant", "It ships on Wednesday.", 2.0),
    ),
    tool_calls=(ToolUse("look_up_order", {"order_number": "4217"}, "done", "{}", 1.0),),
    latencies=(0.5,),
    savings=Savings(),
    notices=(),
    heard=Sound(b"", 24_000),
    said=Sound(b"", 24_000),
    ended="hung up",
    complete=True,
)


@pytest.mark.parametrize(
    ("conversation", "missing"),
    [
        (GOOD, []),
        (replace(GOOD, tool_calls=()), ["no tool was asked for order 4217"]),
        (
            replace(GOOD, tool_calls=(replace(GOOD.tool_calls[0], status="failed"),)),
            ["the tool did not answer"],
        ),
        (
            replace(GOOD, transcript=GOOD.transcript[1:]),
            ["the caller did not interrupt the assistant"],
        ),
        (
            replace(GOOD, transcript=GOOD.transcript[:1]),
            ["no answer was heard after the interruption"],
        ),
        (replace(GOOD, ended="lost", complete=False), ["it ended early: lost"]),
    ],
)
def test_a_call_that_does_not_show_what_it_should_is_a_failure(
    conversation: Conversation, missing: list[str]
) -> None:
    assert list(demo.missing(conversation)) == missing
