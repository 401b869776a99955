"""Whole calls whose tools live elsewhere: MCP servers over stdio and HTTP, files that change."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.embedded.parts import CallPiece, Heard, Returned, Say, Situation, Thought
from gateway.embedded.server import Assistant
from gateway.embedded.server import serve as serve_embedded
from gateway.rehearsal.caller import SampleCaller
from gateway.rehearsal.house import open_house
from gateway.rehearsal.script import Script, Think, Turn, Type
from gateway.settings import load
from tests.house import EchoEars, ToneMouth

ROOT = Path(__file__).parents[1]
DESK = [sys.executable, str(ROOT / "tests" / "tools" / "mcp_desk.py")]
PACKAGE, VERSION = "@modelcontextprotocol/server-everything", "2026.8.31"


class Operator:
    """A mind that calls what the caller writes, `name {arguments}`, and answers in a word."""

    def __init__(self) -> None:
        self.offered: list[list[str]] = []

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.offered.append([function.name for function in situation.functions])
        last = situation.lines[-1]
        if isinstance(last, Returned) or situation.request:
            yield Say("So.")
        elif isinstance(last, Heard):
            name, _, arguments = last.text.partition(" ")
            yield CallPiece(0, name, arguments)

    async def close(self) -> None: ...


@asynccontextmanager
async def a_house(folder, text, mind):
    """A gateway with these settings, and a mind of its own."""
    async with serve_embedded(Assistant(EchoEars(), mind, ToneMouth())) as model:
        path = folder / "trunkline.toml"
        path.write_text(f'[assistant]\nbase_url = "{model.base_url}"\n{text}')
        async with open_house(load(path, {})) as house:
            yield house


async def converse(house, *lines, think=0.2):
    turns = tuple(Turn(Type(line), Think(think)) for line in lines)
    return await SampleCaller(Script("tools", turns), {}).call(house.url)


@pytest.fixture(scope="session")
def everything():
    """The program of the npm package, installed once for this checkout."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node is not installed; it runs the MCP server that comes from npm")
    folder = ROOT / ".cache" / f"mcp-everything-{VERSION}"
    program = folder / "node_modules" / PACKAGE / "dist" / "index.js"
    if not program.is_file():
        options = "--no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error"
        command = [npm, "install", f"--prefix={folder}", *options.split(), f"{PACKAGE}@{VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    return [node, str(program)]


@asynccontextmanager
async def over_http(command):
    """The same server, listening on a free port; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *command,
        "streamableHttp",
        env={"PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.wait()


def readiness(house, token=""):
    address = house.url.replace("ws", "http", 1).replace("/browser", "/readyz")
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


@pytest.mark.timeout(300)
async def test_a_call_uses_servers_of_the_sdk_and_of_npm_over_stdio_and_http(tmp_path, everything):
    async with over_http(everything) as url:
        text = f"""
[[tools.mcp]]
name = "desk"
command = {json.dumps(DESK)}
tools = ["order_status"]
[[tools.mcp]]
name = "every"
command = {json.dumps([*everything, "stdio"])}
tools = ["echo", "get-tiny-image"]
[[tools.mcp]]
name = "remote"
url = "{url}"
tools = ["echo", "get-sum", "get-structured-content"]
prefix = "far_"
[[tools.mcp]]
name = "gone"
command = ["no-such-program"]
tools = ["*"]
"""
        mind = Operator()
        async with a_house(tmp_path, text, mind) as house:
            conversation = await converse(
                house,
                'order_status {"order_id": "4217"}',
                'echo {"message": "near"}',
                'far_echo {"message": "far"}',
                'far_get-sum {"a": 2, "b": 3}',
                "get-tiny-image {}",
                'far_get-structured-content {"location": "Chicago"}',
            )
            servers = await asyncio.to_thread(readiness, house)
    assert [use.output for use in conversation.tool_calls[1:4]] == [
        *("Echo: near", "Echo: far", "The sum of 2 and 3 is 5."),
    ]
    assert conversation.tool_calls[0].json() == {"order": "4217", "status": "sent"}
    assert "[an image: image/png, 20 by 20 pixels]" in conversation.tool_calls[4].output
    assert "temperature" in conversation.tool_calls[5].json()
    assert conversation.complete
    states = {one["name"]: (one["state"], one["tools"]) for one in servers["mcp"]}
    assert states == {
        **{"desk": ("ready", 1), "every": ("ready", 2), "remote": ("ready", 3)},
        **{"gone": ("down", 0)},
    }
    assert servers["mcp"][3]["reason"] == "there is no command no-such-program"


async def test_why_a_server_is_down_is_told_to_operators_only(tmp_path):
    text = (
        '[server]\ntoken = "secret-word"\n'
        '[[tools.mcp]]\nname = "gone"\ncommand = ["no-such-program"]\ntools = ["*"]\n'
    )
    async with a_house(tmp_path, text, Operator()) as house:
        (stranger,) = (await asyncio.to_thread(readiness, house))["mcp"]
        (operator,) = (await asyncio.to_thread(readiness, house, "secret-word"))["mcp"]
    assert stranger == {"name": "gone", "state": "down", "tools": 0}
    assert operator["reason"] == "there is no command no-such-program"


async def test_a_tool_that_a_server_learns_during_a_call_is_offered_in_it(tmp_path):
    text = f'[[tools.mcp]]\nname = "desk"\ncommand = {json.dumps(DESK)}\ntools = ["*"]\n'
    mind = Operator()
    async with a_house(tmp_path, text, mind) as house:
        conversation = await converse(house, "learn {}", 'shout {"words": "hey"}', think=0.5)
    assert [use.output for use in conversation.tool_calls] == ["learnt", "HEY"]
    assert "shout" not in mind.offered[0]
    assert "shout" in mind.offered[-1]


CHANGING = '''
from pathlib import Path
from tools import tool

@tool
def {name}() -> str:
    """Answer, and write the next version of this file."""
    here = Path(__file__)
    here.write_text(here.read_text().replace("def first", "def second"))
    return "{name}"
'''


@pytest.mark.virtual_clock
async def test_a_changed_file_counts_in_a_call_that_is_live(tmp_path):
    (tmp_path / "mine.py").write_text(CHANGING.replace("{name}", "first"))
    mind = Operator()
    text = '[tools]\nmodules = ["mine.py"]\nreload = true\n'
    async with a_house(tmp_path, text, mind) as house:
        conversation = await converse(house, "first {}", "second {}", "first {}", think=2.0)
    assert [use.status for use in conversation.tool_calls] == ["done", "done", "failed"]
    assert ("first" in mind.offered[0], "second" in mind.offered[0]) == (True, False)
    assert ("first" in mind.offered[-1], "second" in mind.offered[-1]) == (False, True)


class Slow(BaseHTTPRequestHandler):
    """Answers after a moment of real time."""

    def do_GET(self) -> None:
        threading.Event().wait(0.1)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"at last")

    def log_message(self, *_: object) -> None: ...


@contextmanager
def slow_server():
    """A server in a thread, which no virtual clock knows of."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.virtual_clock
async def test_a_virtual_clock_stands_still_for_a_server_elsewhere(tmp_path):
    with slow_server() as address:
        text = f"""
[tools.network]
allow = ["{address}"]
timeout_s = 0.05
tries = 1
[[tools.http]]
name = "look"
description = "Look."
url = "{address}/"
"""
        async with a_house(tmp_path, text, Operator()) as house:
            conversation = await converse(house, "look {}")
    assert conversation.tool_calls[0].output == "at last"
