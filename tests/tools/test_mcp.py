"""Tools of MCP servers: real ones, over stdio and HTTP, that die, change and misbehave."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import mcp_types as types
import pytest

from gateway.running.listening import listen
from tests.tools.shop import serving
from tools import Toolbox, ToolContext, ToolError, builtin, tool
from tools.mcp import McpLink, McpServer, connected
from tools.mcp_results import output
from tools.mcp_wire import masked

HERE = Path(__file__).parent
DESK = (sys.executable, str(HERE / "mcp_desk.py"))
PLAIN = (sys.executable, str(HERE / "mcp_plain.py"))


@asynccontextmanager
async def link(*tools, **fields):
    server = McpServer(**{"name": "desk", "command": DESK, **fields})
    with Toolbox(tools) as toolbox:
        async with connected([server], toolbox, 20.0) as (found,):
            yield found, toolbox


def names(toolbox):
    return [one.spec.name for one in toolbox.tools]


async def until(toolbox, wanted):
    """Wait for the toolbox to be told of a change that makes it so."""
    changed = asyncio.Event()
    leave = toolbox.subscribe(changed.set)
    async with asyncio.timeout(60):  # it is tried again less and less often
        while not wanted():
            changed.clear()
            await changed.wait()
    leave()


async def test_a_server_offers_its_tools_and_answers_in_words(caplog):
    caplog.set_level(logging.INFO)
    async with link(env={"DESK_TOKEN": "very-secret"}) as (found, toolbox):
        assert (found.status.state, found.status.tools) == ("ready", 7)
        result = await toolbox.run("order_status", '{"order_id": 4217}')
        assert json.loads(result.output) == {"order": "4217", "status": "sent"}
        picture = await toolbox.run("picture", "{}")
        assert picture.output == "A receipt.\n[an image: image/png, 1 by 1 pixels]"
        failed = await toolbox.run("fail", "{}")
        assert failed.failed
        wrong = await toolbox.run("order_status", "{}")
        assert (wrong.failed, "order_id is missing" in wrong.output) == (True, True)
        assert not toolbox.find("order_status").policy.side_effects
        assert toolbox.find("die").policy.side_effects
    said = [one.said for one in caplog.records if one.message == "an MCP server says"]
    assert said[0] == "started with ***"


async def test_only_what_is_allowed_is_offered_and_some_of_it_after_consent():
    fields = {"tools": ("order_status", "fail", "sing"), "confirm": ("fail",), "prefix": "d_"}
    async with link(**fields) as (_, toolbox):
        assert names(toolbox) == ["d_order_status", "d_fail"]
        assert [one.policy.confirm for one in toolbox.tools] == [False, True]


async def test_a_name_that_is_taken_gets_the_server_before_it():
    async with link(builtin.current_time) as (_, toolbox):
        assert "desk_current_time" in names(toolbox)
        assert (await toolbox.run("desk_current_time", "{}")).output == "noon"


async def test_a_server_that_dies_fails_each_call_once_and_comes_back():
    async with link() as (found, toolbox):
        told = []
        context = ToolContext(progress=lambda *words: told.append(words))
        waiting = asyncio.create_task(toolbox.run("wait_for_ever", "{}", context))
        async with asyncio.timeout(60):
            while not told:
                await asyncio.sleep(0)
            assert told == [("a quarter", 0.25)]
            assert (await toolbox.run("die", "{}")).failed
            assert (await waiting).output == "The tool failed."
            assert found.status.state == "down"
            away = await toolbox.run("order_status", '{"order_id": "1"}')
            assert "not connected" in away.output
            while found.status.state != "ready":
                await asyncio.sleep(0.01)
        again = await toolbox.run("order_status", '{"order_id": "1"}')
        assert not again.failed


@asynccontextmanager
async def desk_at(port):
    """The desk over HTTP, in a process of its own."""
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*DESK, str(port), **quiet)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_over_http_that_dies_is_found_again():
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    fields = {"command": (), "url": f"http://127.0.0.1:{port}/mcp"}
    async with asyncio.timeout(200), link(**fields) as (found, toolbox):
        assert (found.status.state, found.status.reason) == ("down", "it cannot be reached")
        async with desk_at(port):
            await until(toolbox, lambda: toolbox.find("order_status"))
            assert not (await toolbox.run("order_status", '{"order_id": "1"}')).failed
        assert (await toolbox.run("order_status", '{"order_id": "1"}')).failed
        while found.status.state != "down":
            await asyncio.sleep(0.01)
        async with desk_at(port):
            while found.status.state != "ready":
                await asyncio.sleep(0.01)
            assert not (await toolbox.run("order_status", '{"order_id": "1"}')).failed


async def test_a_gateway_that_stops_answers_the_calls_that_are_in_flight():
    told = asyncio.Event()
    context = ToolContext(progress=lambda *words: told.set())
    async with link() as (_, toolbox):
        waiting = asyncio.create_task(toolbox.run("wait_for_ever", "{}", context))
        await told.wait()
    async with asyncio.timeout(30):
        assert (await waiting).output == "The tool failed."


async def test_a_cancelled_call_leaves_the_server_alone():
    async with link() as (found, toolbox):
        waiting = asyncio.create_task(toolbox.run("wait_for_ever", "{}"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not (await toolbox.run("current_time", "{}")).failed
        assert found.status.state == "ready"


async def test_a_tool_that_a_server_learns_is_there_at_once():
    async with link() as (_, toolbox):
        before = toolbox.find("order_status")
        await toolbox.run("learn", "{}")
        await until(toolbox, lambda: toolbox.find("shout"))
        assert (await toolbox.run("shout", '{"words": "hey"}')).output == "HEY"
        assert toolbox.find("order_status") is before


async def test_an_old_server_without_the_sdk_works_too_and_its_broken_tools_are_left_out(caplog):
    async with link(command=PLAIN, name="plain") as (_, toolbox):
        assert names(toolbox) == ["first", "plain_cancel_task"]
        result = await toolbox.run("first", "{}", ToolContext(key="k7"))
        assert json.loads(result.output)["trunkline/idempotency-key"] == "k7"
        await until(toolbox, lambda: toolbox.find("second"))
        assert "first" not in names(toolbox)
    assert [one.reason for one in caplog.records if one.message == "an MCP tool is left out"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"command": ("trunkline-no-such-command",)}, "there is no command trunkline-no-such"),
        ({"command": (sys.executable, "-c", "")}, "it ended before it was ready"),
        ({"command": (), "url": "http://127.0.0.1:9/mcp"}, "it cannot be reached"),
        ({"command": (), "url": "http://nowhere.invalid/mcp"}, "it cannot be reached"),
    ],
)
async def test_a_server_that_cannot_start_is_tried_again_and_holds_up_nobody(fields, reason):
    async with link(tool(lambda_tool), **fields) as (found, toolbox):
        assert found.status.state == "down"
        assert reason in found.status.reason
        assert names(toolbox) == ["lambda_tool"]


def lambda_tool() -> str:
    """Of another source."""
    return "fine"


async def test_a_call_while_the_server_is_away_says_so():
    away = McpLink(McpServer("desk", command=DESK), Toolbox())
    with pytest.raises(ToolError, match="not connected"):
        await away.call("order_status", {}, ToolContext())


async def test_a_server_over_http_has_the_same_tools_and_its_headers():
    import importlib.util

    spec = importlib.util.spec_from_file_location("mcp_desk_http", HERE / "mcp_desk.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app, seen = module.desk.streamable_http_app(), []

    async def noted(scope, receive, send):
        seen.append(dict(scope["headers"]).get(b"x-key"))
        await app(scope, receive, send)

    with listen("127.0.0.1", 0) as bound:
        async with app.router.lifespan_context(app), serving(noted, bound) as address:
            fields = {"command": (), "url": f"{address}/mcp", "headers": {"X-Key": "hush"}}
            async with link(**fields) as (found, toolbox):
                assert found.status.state == "ready", found.status
                result = await toolbox.run("order_status", '{"order_id": "1"}')
                assert json.loads(result.output)["status"] == "sent"
    assert set(seen) == {b"hush"}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("started with hush-hush", "started with ***"),
        ("Authorization: Bearer eyJhbGciOi.x", "Authorization: ***"),
        ('{"api_key": "12345"}', '{"api_key": ***"}'),
        ("DESK_TOKEN=t0ps3cret ok", "DESK_TOKEN=*** ok"),
        ("with sk-abcdefghijkl", "with ***"),
        ("a skeleton key", "a skeleton key"),
        ("red \x1b[31malert\x07\n", "red [31malert"),
    ],
)
def test_secrets_are_masked_in_what_a_server_says(line, shown):
    assert masked(line, ["hush-hush", "a"]) == shown


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"content": []}, None),
        ({"content": [], "structured_content": {"result": [1]}}, [1]),
        (
            {"content": [{"type": "text", "text": '{"a": 1}'}], "structured_content": {"a": 1}},
            {"a": 1},
        ),
        (
            {"content": [{"type": "text", "text": "look"}], "structured_content": {"a": 1}},
            {"result": {"a": 1}, "notes": ["look"]},
        ),
        (
            {"content": [{"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}]},
            "[a sound: audio/wav, 3 bytes]",
        ),
        (
            {"content": [{"type": "resource_link", "name": "terms", "uri": "file:///t"}]},
            "[a link: terms: file:///t]",
        ),
        (
            {"content": [{"type": "resource", "resource": {"uri": "file:///t", "text": "T"}}]},
            "T",
        ),
        (
            {"content": [{"type": "image", "data": "!", "mimeType": "image/png"}]},
            "[an image: image/png, which cannot be read]",
        ),
    ],
)
def test_results_in_words(result, said):
    assert output(types.CallToolResult.model_validate(result)) == said


async def test_a_server_that_says_nothing_holds_up_neither_the_start_nor_the_end():
    silent = McpServer("silent", command=(sys.executable, "-c", "import time; time.sleep(600)"))
    with Toolbox() as toolbox:
        async with asyncio.timeout(20), connected([silent], toolbox, 0.1) as (found,):
            assert found.status.state == "starting"
            assert names(toolbox) == []
