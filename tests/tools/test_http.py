"""HTTP tools as a toolbox runs them, against a real server."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import pytest

from tests.tools.shop import open_shop
from tools import Toolbox, ToolContext, ToolDefinitionError
from tools.addresses import Reach
from tools.http import declared, http_tool, picked
from tools.http_client import HttpClient, HttpPolicy

LIMITS = HttpPolicy(timeout=2.0, backoff=0.001)
NUMBER = {"type": "object", "properties": {"number": {"type": "string"}}}


@asynccontextmanager
async def open_tool(path="/orders/{number}", method="GET", parameters=NUMBER, **more):
    limits = more.pop("limits", LIMITS)
    how = {name: more.pop(name) for name in ("headers", "query") if name in more}
    async with open_shop() as shop, HttpClient(Reach.of([shop.address])) as client:
        operation = declared(
            "look_up", "Look it up.", method, shop.address + path, parameters, **how
        )
        with Toolbox([http_tool(operation, client, limits, **more)]) as toolbox:
            yield shop, toolbox


async def test_the_model_is_told_the_json_of_the_answer():
    async with open_tool() as (shop, toolbox):
        result = await toolbox.run("look_up", '{"number": "42 17?a"}')
        assert json.loads(result.output)["number"] == "42 17?a"
        assert shop.seen[0].target == "/orders/42%2017%3Fa"


async def test_only_what_is_kept_of_the_answer_is_told():
    async with open_tool(keep=["status", "lines.sku"]) as (_, toolbox):
        result = await toolbox.run("look_up", '{"number": "1"}')
        assert json.loads(result.output) == {"status": "sent", "lines.sku": ["a"]}


async def test_a_number_written_as_a_number_is_taken_as_text():
    async with open_tool() as (shop, toolbox):
        assert not (await toolbox.run("look_up", '{"number": 4217}')).failed
        assert shop.seen[0].target == "/orders/4217"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{}", "number is missing"),
        ("[1]", "JSON object"),
        ('{"number": ', "Not valid JSON"),
        ('{"number": ["1"]}', "number: should be of type string"),
        ('{"number": "1", "secret": 1}', "no argument secret; there are: number"),
        ('{"number": ".."}', "cannot be looked up"),
        ('{"number": "../admin"}', "The tool failed"),
        ('{"number": "9999"}', 'status 404. {"detail":"no such order"}'),
        ("[" * 50_000, "Not valid JSON"),
    ],
)
async def test_wrong_arguments_and_refusals_are_told_in_words(arguments, said):
    async with open_tool() as (shop, toolbox):
        result = await toolbox.run("look_up", arguments)
        assert result.failed
        assert said in result.output
        assert not any("admin" in one.target for one in shop.seen)


async def test_a_change_carries_the_key_of_the_function_call():
    body = {
        "type": "object",
        "properties": {"number": {"type": "string"}, "n": {"type": "integer"}},
    }
    async with open_tool("/echo/{number}", "POST", body, secret="hush") as (shop, toolbox):
        context = ToolContext(call_id="c1", key="c1-fc7")
        result = await toolbox.run("look_up", '{"number": "1", "n": 2}', context)
        assert json.loads(result.output) == {"target": "/echo/1", "body": '{"n":2}'}
        headers = shop.seen[0].headers
        assert headers["idempotency-key"] == "c1-fc7"
        assert headers["trunkline-signature"].startswith("t=")
        assert headers["content-type"] == "application/json"


async def test_what_is_no_placeholder_goes_into_the_query_of_a_request_without_body():
    both = {"type": "object", "properties": {"q": {"type": "string"}, "tags": {"type": "array"}}}
    async with open_tool("/echo", "GET", both, query={"key": "k"}) as (shop, toolbox):
        await toolbox.run("look_up", '{"q": "a&b=c", "tags": ["x", 1]}')
        assert shop.seen[0].target == "/echo?key=k&q=a%26b%3Dc&tags=x&tags=1"


@pytest.mark.parametrize(
    ("path", "limits", "said"),
    [
        ("/huge", LIMITS, "too long: over 65536 bytes"),
        ("/slow", HttpPolicy(timeout=0.1), "The tool failed"),
        ("/typed?as=image/png", LIMITS, "image/png, which cannot be read out"),
        ("/away?to=http://169.254.169.254/", LIMITS, "The tool failed"),
        ("/flaky?after=0", LIMITS, "The tool failed"),
    ],
)
async def test_a_server_that_misbehaves_fails_the_tool_and_nothing_else(path, limits, said):
    async with open_tool(path, parameters={}, limits=limits) as (shop, toolbox):
        shop.failures = 9
        result = await toolbox.run("look_up", "{}")
        assert result.failed
        assert said in result.output


async def test_the_operator_reads_why_and_no_secret(caplog):
    headers = {"Authorization": "Bearer hush"}
    async with open_tool("/flaky?after=0", parameters={}, headers=headers) as (shop, toolbox):
        shop.failures = 9
        await toolbox.run("look_up", "{}")
        assert shop.seen[0].headers["authorization"] == "Bearer hush"
    (said,) = [one for one in caplog.records if one.message == "an HTTP tool failed"]
    assert (said.tool, said.reason) == ("look_up", "status 503")
    assert "hush" not in str([vars(one) for one in caplog.records])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://127.0.0.1/{id}"}, "{id} in url is none of its parameters"),
        ({"url": "http://{number}/x"}, "never in the host"),
        ({"method": "FETCH"}, "method is FETCH; one of DELETE"),
        ({"description": " "}, "no description"),
        ({"parameters": {"type": "string"}}, "of type object"),
        ({"parameters": {"properties": {"number": {"type": "txt"}}}}, "no JSON schema: at prop"),
        ({"parameters": {"properties": {"a": {"$ref": "#/$defs/A"}}}}, "refers to nothing"),
        ({"url": "http://10.0.0.1/"}, "beneath none of the base URLs that are allowed"),
        ({"name": "look up"}, "1 to 64 letters"),
    ],
)
async def test_a_wrong_declaration_is_named(changes, reason):
    right = {"name": "look_up", "description": "Look.", "method": "GET"}
    right |= {"url": "http://127.0.0.1/{number}", "parameters": NUMBER}
    async with HttpClient(Reach.of(["http://127.0.0.1"])) as client:
        with pytest.raises(ToolDefinitionError, match=reason):
            http_tool(declared(**right | changes), client, LIMITS)


def test_picking_looks_into_lists():
    value = [{"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {}]
    assert picked(value, ["a.b"]) == [{"a.b": 1}, {"a.b": 3}, {}]
    assert picked("text", []) == "text"
