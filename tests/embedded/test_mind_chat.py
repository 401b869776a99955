"""The chat-completions mind against real HTTP servers that stream as Ollama and vLLM do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.embedded.mind.chat import ChatMind
from gateway.embedded.mind.history import CUT, RUNNING
from gateway.embedded.parts import (
    Called,
    CallPiece,
    Function,
    Heard,
    Line,
    Returned,
    Said,
    Say,
    Situation,
    Thought,
    Told,
)
from gateway.errors import AssistantError

Handler = Callable[[Request], Awaitable[Response]]
WEATHER = Function("get_weather", "The weather.", {"type": "object", "properties": {}})


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server on a free port; its base URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/v1/chat/completions", handler, methods=["POST"])])
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    serve = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        await serve
        listener.close()


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [choice]}  # fmt: skip
    return f"data: {json.dumps(body)}\n\n"


def call(index: int | None, arguments: str | None, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments}
    if "name" in more:
        function["name"] = more.pop("name")
    part = {"type": "function", "function": function, **more}
    return {"tool_calls": [part if index is None else part | {"index": index}]}


def streaming(*parts: str, seen: list[dict[str, Any]] | None = None, end: bool = True) -> Handler:
    async def handler(request: Request) -> Response:
        if seen is not None:
            seen.append(await request.json())

        async def body() -> AsyncIterator[str]:
            for part in parts:
                yield part
            if end:
                yield "data: [DONE]\n\n"

        return StreamingResponse(body(), media_type="text/event-stream")

    return handler


async def ask(handler: Handler, situation: Situation | None = None) -> list[Thought]:
    async with serving(handler) as url:
        mind = ChatMind(url, "m", max_retries=0)
        try:
            heard = situation or Situation("", (Heard("Hi"),), (WEATHER,))
            return [thought async for thought in mind.answer(heard)]
        finally:
            await mind.close()


def joined(thoughts: list[Thought]) -> dict[int, tuple[str, str]]:
    calls: dict[int, tuple[str, str]] = {}
    for thought in thoughts:
        if isinstance(thought, CallPiece):
            name, text = calls.get(thought.index, (thought.name, ""))
            calls[thought.index] = (name, text + thought.arguments)
    return calls


async def test_words_come_sentence_by_sentence_without_markdown() -> None:
    said = await ask(
        streaming(
            chunk({"role": "assistant", "content": ""}),
            *(
                chunk({"content": piece})
                for piece in ("**Dr. Lee", " owes $3", ".50. She", " is *in*.")
            ),
            chunk({"content": " Bye"}),
            chunk(finish="stop"),
        )
    )  # fmt: skip
    assert said == [Say("Dr. Lee owes $3.50."), Say("She is in."), Say("Bye")]


async def test_parallel_calls_are_put_together_by_index_wherever_they_are_split() -> None:
    thoughts = await ask(
        streaming(
            chunk({"content": "Let me look."}),
            chunk(call(0, "", id="a", name="get_weather")),
            chunk(call(1, None, id="b", name="look_up")),
            chunk(call(0, '{"ci')),
            chunk(call(1, '{"order": "42')),
            chunk(call(0, 'ty": "Rome"}')),
            chunk(call(1, '17"}')),
            chunk(finish="tool_calls"),
        )
    )
    assert thoughts[0] == Say("Let me look.")
    assert joined(thoughts) == {
        0: ("get_weather", '{"city": "Rome"}'),
        1: ("look_up", '{"order": "4217"}'),
    }


async def test_calls_without_ids_index_or_arguments_are_understood() -> None:
    thoughts = await ask(
        streaming(
            chunk(call(None, '{"city": "Rome"}', name="get_weather")),
            chunk(call(None, "", name="current_time")),
            chunk(finish="stop"),
        )
    )
    assert joined(thoughts) == {
        0: ("get_weather", '{"city": "Rome"}'),
        1: ("current_time", "{}"),
    }


async def test_calls_that_all_claim_index_zero_are_told_apart_by_id() -> None:
    thoughts = await ask(
        streaming(
            chunk(call(0, "{}", id="a", name="one")),
            chunk(call(0, "{}", id="b", name="two")),
            chunk(finish="stop"),
        )
    )
    assert joined(thoughts) == {0: ("one", "{}"), 1: ("two", "{}")}


async def test_thoughts_of_a_reasoning_model_are_not_spoken() -> None:
    said = await ask(
        streaming(*(chunk({"content": part}) for part in ("<th", "ink>Hm. So", "</thi", "nk>Yes.")))
    )
    assert said == [Say("Yes.")]


async def test_the_history_is_sent_as_chat_servers_want_it() -> None:
    seen: list[dict[str, Any]] = []
    lines: tuple[Line, ...] = (
        Told("Be kind."),
        Heard("Where is"),
        Heard("my order?"),
        Said("One moment."),
        Called("a", "look_up", '{"order": "4217"}'),
        Called("b", "current_time", "{}"),
        Heard("Hello?"),
        Returned("a", '{"status": "sent"}'),
        Said("It was sent on", cut=True),
        Heard("Thanks."),
    )
    situation = Situation("You are Ada.", lines, (WEATHER,), "get_weather", "Be brief.", 64)
    await ask(streaming(chunk({"content": "Ok."}), seen=seen), situation)
    body = seen[0]
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "system", "user", "assistant", "tool", "tool", "user",
                     "assistant", "user", "system"]  # fmt: skip
    assert body["messages"][0]["content"].startswith("You are Ada.")
    assert body["messages"][2]["content"] == "Where is my order?"
    assert [one["id"] for one in body["messages"][3]["tool_calls"]] == ["a", "b"]
    assert body["messages"][4]["content"] == '{"status": "sent"}'
    assert body["messages"][5]["content"] == RUNNING
    assert body["messages"][7]["content"] == "It was sent on" + CUT
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert (body["max_tokens"], body["stream"], body["model"]) == (64, True, "m")


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "api_key"), (404, "assistant.mind.model"), (429, "rate limit"), (500, "status 500")],
)
async def test_a_refusal_says_what_to_do(status: int, hint: str) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"error": {"message": "no"}}, status_code=status)

    with pytest.raises(AssistantError, match=hint):
        await ask(refuse)


async def test_an_endpoint_that_is_not_there_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    mind = ChatMind(f"http://127.0.0.1:{port}/v1", "m", max_retries=0)
    with pytest.raises(AssistantError, match="cannot be reached"):
        _ = [thought async for thought in mind.answer(Situation("", (Heard("Hi"),)))]
    await mind.close()


async def test_an_answer_that_breaks_off_gives_what_came_and_then_the_error() -> None:
    got: list[bytes] = []

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        head = (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n"
        )
        writer.write((head + chunk({"content": "It is sunny. And"})).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    mind = ChatMind(url, "m", max_retries=0)
    said: list[Thought] = []
    answer = mind.answer(Situation("", (Heard("Hi"),)))
    said.append(await anext(answer))
    with pytest.raises(AssistantError, match=r"broke off|cannot be reached"):
        await anext(answer)
    assert said == [Say("It is sunny.")]
    await mind.close()
    server.close()
    await server.wait_closed()


async def test_an_error_inside_the_stream_is_an_error() -> None:
    with pytest.raises(AssistantError, match="within its answer"):
        await ask(streaming('data: {"error": {"message": "out of memory"}}\n\n'))


async def test_a_stream_without_an_end_mark_is_whole_all_the_same() -> None:
    said = await ask(streaming(chunk({"content": "Yes."}, finish="length"), end=False))
    assert said == [Say("Yes.")]


async def test_an_answer_may_be_left_in_the_middle() -> None:
    parts = [chunk({"content": f"Number {word}. "}) for word in ("one", "two", "three")]
    async with serving(streaming(*parts)) as url:
        mind = ChatMind(url, "m", max_retries=0)
        answer = mind.answer(Situation("", (Heard("Count."),)))
        assert await anext(answer) == Say("Number one.")
        await answer.aclose()  # type: ignore[attr-defined]
        await mind.close()
