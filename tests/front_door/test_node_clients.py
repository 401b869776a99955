"""Whole conversations with the real clients from npm, where Node is present."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from gateway.embedded.parts import CallPiece, Heard, Returned, Say
from tests.front_door.line import GatedMouth, Script, speech
from tests.house import House, open_house
from tools import tool

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
PACKAGES = ("openai@7.55.0", "@openai/agents-realtime@0.20.0", "ws@8.21.3", "zod@4.3.5")
FOLDER = ROOT / ".cache" / "realtime-clients-openai-7.55.0-agents-0.20.0"
STORY = "It ships on Monday, and there is a long story to tell about how it came to that."


@tool
def look_up() -> str:
    """Look the caller's order up."""
    return "order seven"


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the packages installed once for this checkout."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if not found or not npm:
        pytest.skip("Node is not installed; it runs the clients that come from npm")
    if not (FOLDER / "node_modules" / "ws" / "package.json").is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = "--no-audit --no-fund --no-package-lock --ignore-scripts --legacy-peer-deps"
        command = [npm, "install", f"--prefix={FOLDER}", *options.split(), *PACKAGES]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
    for program in PROGRAMS.glob("*.mjs"):  # where its imports are found
        shutil.copy(program, FOLDER / program.name)
    return found


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "speech.pcm"
    path.write_bytes(speech())
    return path


@asynccontextmanager
async def running(*command: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that is over when the test is."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=FOLDER,
        env=os.environ | more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(process: asyncio.subprocess.Process, key: str) -> list[dict[str, Any]]:
    """What the program says, up to and including the first line with that key."""
    assert process.stdout is not None
    said: list[dict[str, Any]] = []
    while not said or key not in said[-1]:
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        if not line:
            assert process.stderr is not None
            pytest.fail(f"it ended early: {said} {(await process.stderr.read()).decode()[-2000:]}")
        said.append(json.loads(line))
        assert "error" not in said[-1], said
    return said


@asynccontextmanager
async def tls(house: House, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """The gateway behind a proxy that speaks TLS, for a client that insists on it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    port = urlsplit(house.address).port

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        pumps = (pump(reader, outer), pump(inner, writer))
        await asyncio.gather(*pumps, return_exceptions=True)

    server = await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=context)
    async with server:
        where = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{where}/v1", folder / "authority.pem"
        await asyncio.sleep(0)


async def test_the_openai_package_of_npm_holds_a_conversation(
    node: str, spoken: Path, tmp_path: Path
) -> None:
    mouth = GatedMouth()
    mind = Script([CallPiece(0, "find", "{}")], [Say(STORY)], [Say("Goodbye.")])
    async with (
        open_house(mind, [look_up], mouth=mouth) as house,
        tls(house, tmp_path) as (base, authority),
        running(node, "openai.mjs", base, str(spoken), NODE_EXTRA_CA_CERTS=str(authority)) as it,
    ):
        mouth.pause_after = 6
        first = await until(it, "speaking")
        assert first[0] == {"done": "completed", "output": ["function_call"]}
        await until(it, "truncated")
        mouth.pause_after = 0
        mouth.go.set()
        last = await until(it, "said")
        assert {"done": "cancelled", "output": ["message"]} in last
        assert last[-1]["said"] == "Goodbye."
        assert await asyncio.wait_for(it.wait(), 60) == 0
    assert {one.name for one in mind.asked[0].functions} == {"find", "look_up"}
    assert any(isinstance(one, Returned) and one.output == "Monday" for one in mind.asked[1].lines)


async def test_the_agents_package_of_npm_holds_a_conversation(node: str, spoken: Path) -> None:
    mouth = GatedMouth()
    mind = Script([CallPiece(0, "find", '{"number": 7}')], [Say(STORY)], [Say("Goodbye.")])
    async with open_house(mind, [look_up], mouth=mouth) as house:
        address = house.address.replace("http", "ws") + "/v1/realtime?model=gpt-realtime-2.1"
        async with running(node, "agents.mjs", address, str(spoken)) as it:
            mouth.pause_after = 6
            first = await until(it, "speaking")
            assert {"found": 7} in first
            await until(it, "interrupted")
            mouth.pause_after = 0
            mouth.go.set()
            last = await until(it, "said")
            assert last[-1]["said"] == "Goodbye."
            assert last[-1]["items"] >= 4
    assert any(isinstance(one, Heard) for one in mind.asked[2].lines[2:])
