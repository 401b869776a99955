"""Looking at pictures with a model that sees: what it is asked, what is told, what goes wrong."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.running.listening import listen
from gateway.settings import load
from gateway.toolbelt.sources import open_tools
from tests.tools.shop import serving
from tools import Image, ToolContext

SHOWN = ToolContext(images=(Image("image/png", b"one"), Image("image/jpeg", b"two")))


@asynccontextmanager
async def seeing(folder, answer):
    """A toolbox whose look_at asks a model that gives this answer, and what the model is asked."""
    asked: list[tuple[str, dict]] = []

    async def complete(request: Request) -> Response:
        asked.append((request.headers.get("authorization", ""), await request.json()))
        return JSONResponse(answer, 200 if "choices" in answer else 401)

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    with listen("127.0.0.1", 0) as bound:
        async with serving(app, bound) as address:
            path = folder / "trunkline.toml"
            path.write_text(
                '[tools]\nbuiltin = ["look_at"]\n[tools.vision]\nmodel = "seer"\n'
                f'url = "{address}/v1"\nkey = "${{KEY}}"\n'
            )
            async with open_tools(load(path, {}).tools, {"KEY": "sesame"}) as opened:
                yield opened.toolbox, asked


async def test_a_model_that_sees_is_asked_the_question_with_the_pictures(tmp_path):
    answer = {"choices": [{"message": {"role": "assistant", "content": "A red kettle."}}]}
    async with seeing(tmp_path, answer) as (toolbox, asked):
        result = await toolbox.run("look_at", '{"question": "What is it?"}', SHOWN)
        assert (result.output, result.failed) == ("A red kettle.", False)
        await toolbox.run("look_at", '{"question": "And the first?", "number": 1}', SHOWN)
        none = await toolbox.run("look_at", '{"question": "What is it?"}')
        assert (none.failed, "no picture" in none.output) == (True, True)
        beyond = await toolbox.run("look_at", '{"question": "What?", "number": 3}', SHOWN)
        assert beyond.output == "There are only 2 pictures."
    (key, both), (_, first) = asked
    assert (key, both["model"]) == ("Bearer sesame", "seer")
    words, *pictures = both["messages"][1]["content"]
    assert words == {"type": "text", "text": "What is it?"}
    assert [one["image_url"]["url"] for one in pictures] == [
        *("data:image/png;base64,b25l", "data:image/jpeg;base64,dHdv")
    ]
    assert [one["image_url"]["url"][5:14] for one in first["messages"][1]["content"][1:]] == [
        "image/png"
    ]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": {"message": "wrong key sesame"}}, "The tool failed."),
        ({"choices": []}, "Nothing could be made out."),
        ({"choices": [{"message": {"content": None}}]}, "Nothing could be made out."),
        ({"choices": "none"}, "Nothing could be made out."),
    ],
)
async def test_a_model_that_does_not_answer_fails_the_tool_and_tells_no_secret(
    tmp_path, caplog, answer, told
):
    async with seeing(tmp_path, answer) as (toolbox, _):
        result = await toolbox.run("look_at", '{"question": "What is it?"}', SHOWN)
    assert (result.failed, result.output) == (True, told)
    assert "sesame" not in json.dumps([vars(one) for one in caplog.records], default=str)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('url = "https://api.example.com/v1"', "both a url and a model"),
        ('url = "ftp://example.com"\nmodel = "m"', "tools.builtin"),
        ('url = "https://example.com"\nmodel = "m"\nkey = "${GONE}"', "GONE, which is not set"),
    ],
)
async def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path, text, reason):
    path = tmp_path / "trunkline.toml"
    path.write_text(f'[tools]\nbuiltin = ["look_at"]\n[tools.vision]\n{text}\n')
    with pytest.raises(SettingsError, match=reason):
        async with open_tools(load(path, {}).tools, {}):
            pass
