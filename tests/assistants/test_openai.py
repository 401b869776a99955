"""The leg to a model, against a scripted server on a real socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme

from audio.format import pcm16
from gateway.assistants.openai import AssistantLeg, open_leg
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call.events import (
    AssistantAudio,
    AssistantLost,
    AssistantReady,
    AssistantRefused,
    Event,
    ResponseEnded,
)
from gateway.call.plan import Plan
from gateway.private import Private
from tests.assistants.scripted import Peer, scripted

KEY = "sk-test-0123456789abcdef"
HOUR = 3_600_000_000  # microseconds
Events = asyncio.Queue[Event]


def target(url: str, **changes: Any) -> Target:
    base = Target(kind="openai", base_url=url, model="gpt-realtime-2.1", api_key=Private(KEY))
    return replace(base, patience=5.0, **changes)


@asynccontextmanager
async def running(leg: AssistantLeg, events: Events) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.timeout(20):
        task = asyncio.create_task(leg.run(events.put_nowait))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def lost(where: Target) -> str:
    """Run a leg to its end; the reason that it gave, once, without the key."""
    events: Events = asyncio.Queue()
    async with asyncio.timeout(20):
        await open_leg(where, pcm16(24_000)).run(events.put_nowait)
    given = [events.get_nowait() for _ in range(events.qsize())]
    assert [type(e) for e in given].count(AssistantLost) == 1
    last = given[-1]
    assert isinstance(last, AssistantLost)
    assert KEY not in repr(given)
    return last.reason


async def idle(peer: Peer) -> None:
    await peer.open()
    await peer.until_closed()


# ---------------------------------------------------------------- a whole turn


async def one_turn(peer: Peer) -> None:
    await peer.open()
    await peer.expect("session.update")
    await peer.expect("input_audio_buffer.commit")
    await peer.expect("response.create")
    ids = {"response_id": "r1", "item_id": "a1", "output_index": 0, "content_index": 0}
    pcm = base64.b64encode(b"\x01\x00" * 480).decode()
    response = {"id": "r1", "status": "completed", "conversation_id": "c1", "output": []}
    await peer.emit(
        {"type": "response.created", "response": response | {"status": "in_progress"}},
        *({"type": "response.output_audio.delta", "delta": pcm, **ids} for _ in range(50)),
        {"type": "response.output_audio.done", **ids},
        {"type": "response.done", "response": response},
    )
    await peer.until_closed()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_turn_over_a_real_socket(
    secure: bool,
    events: Events,
    server_tls: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    async with scripted(one_turn, tls=server_tls if secure else None) as server:
        leg = open_leg(target(server.url, ca_file=str(ca_file) if secure else ""), pcm16(24_000))
        async with running(leg, events) as task:
            assert await events.get() == AssistantReady("sess_1", "gpt-realtime-2.1", HOUR)
            leg.send(do.Configure(Plan()))
            leg.send(do.SendAudio(b"\x02\x00" * 480))
            leg.send(do.Commit())
            leg.send(do.Respond())
            heard = bytearray()
            while not isinstance(event := await events.get(), ResponseEnded):
                heard += event.pcm if isinstance(event, AssistantAudio) else b""
            assert bytes(heard) == b"\x01\x00" * 480 * 50
            leg.close("the caller hung up")
            await task
    assert server.types == [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    assert server.closed == [(1000, "")]
    assert events.empty()


async def test_the_handshake_carries_the_key_and_names_and_no_beta_header(
    events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-ambient")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ambient")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://ambient.invalid")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "OpenAI-Beta: realtime=v1\nX-Ambient: 1")
    monkeypatch.setenv("HTTP_PROXY", "http://ambient.invalid:1")
    async with scripted(idle) as server:
        where = target(server.url, project="proj_1", safety_identifier="user-hash")
        leg = open_leg(replace(where, headers={"X-Own": "2"}), pcm16(24_000))
        async with running(leg, events):
            await events.get()
    (request,) = server.requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["OpenAI-Project"] == "proj_1"
    assert request.headers["OpenAI-Safety-Identifier"] == "user-hash"
    assert request.headers["X-Own"] == "2"
    absent = ("OpenAI-Beta", "OpenAI-Organization", "X-Ambient", "Sec-WebSocket-Protocol")
    assert [name for name in absent if name in request.headers] == []


async def test_the_server_that_ships_with_trunkline_needs_no_key(events: Events) -> None:
    async with scripted(idle) as server:
        leg = open_leg(Target(kind="embedded", base_url=server.url), pcm16(24_000))
        async with running(leg, events):
            assert isinstance(await events.get(), AssistantReady)
    assert "Authorization" not in server.requests[0].headers


# ---------------------------------------------------------------- how it ends


async def test_close_says_what_is_queued_and_ends_normally(events: Events) -> None:
    async with scripted(idle) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            await events.get()
            for _ in range(250):
                leg.send(do.SendAudio(bytes(960)))
                leg.hear(bytes(960))
            leg.send(do.SendText("goodbye"))
            leg.close("over")
            leg.send(do.SendText("too late"))
            leg.hear(bytes(960))
            await task
    assert len(server.received) == 501
    assert server.received[-1]["item"]["content"][0]["text"] == "goodbye"
    assert server.closed == [(1000, "")]
    assert events.empty()


async def test_closing_before_the_session_is_open_ends_quietly(events: Events) -> None:
    async with scripted(Peer.until_closed) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            leg.close("the caller hung up at once")
            await task
    assert events.empty()


async def test_a_connection_that_drops_in_an_answer_is_one_loss(events: Events) -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.emit({"type": "response.created", "response": {"id": "r1"}})
        peer.drop()

    async with scripted(script) as server:
        reason = await lost(target(server.url))
    assert reason == f"{server.host}: the network dropped the connection (close 1006)"


async def test_a_session_that_is_used_up_is_lost_in_words() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        message = "Your session hit the maximum duration of 60 minutes."
        error = {"type": "invalid_request_error", "code": "session_expired", "message": message}
        await peer.emit({"type": "error", "error": error})
        await peer.socket.close(1001, message)

    async with scripted(script) as server:
        reason = await lost(target(server.url))
    assert reason == (
        f"{server.host}: the session reached its longest duration; a new one has to be opened "
        "(session_expired)"
    )


async def test_a_loss_is_told_before_the_socket_is_tidied_up(events: Events) -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.emit({"type": "error", "error": {"code": "session_expired", "message": ""}})
        peer.socket.transport.pause_reading()  # so that the closing handshake is not answered
        await over.wait()
        peer.drop()

    async with scripted(script) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            while not isinstance(await events.get(), AssistantLost):
                pass
            assert not task.done()
            over.set()
            await task
    assert events.empty()


async def test_a_close_passes_on_its_code_and_reason() -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        await peer.socket.close(1001, "Your session hit the maximum duration of 60 minutes.")

    async with scripted(script) as server:
        reason = await lost(target(server.url))
    assert reason == (
        f"{server.host}: the server went away; a new session has to be opened "
        "(close 1001: Your session hit the maximum duration of 60 minutes.)"
    )


async def test_a_wrong_key_that_is_noticed_after_the_handshake() -> None:
    async def script(peer: Peer) -> None:
        message = f"Incorrect API key provided: {KEY}."
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": message}
        await peer.emit({"type": "error", "error": error})
        await peer.socket.close(3000, "invalid_request_error.invalid_api_key")

    async with scripted(script) as server:
        reason = await lost(target(server.url))
    assert "the key was refused; check OPENAI_API_KEY" in reason
    assert server.host in reason


async def test_a_close_without_a_word_before_it_is_explained_by_its_reason() -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.close(3000, "invalid_request_error.invalid_api_key")

    async with scripted(script) as server:
        reason = await lost(target(server.url))
    assert "the key was refused; check OPENAI_API_KEY" in reason
    assert "close 3000: invalid_request_error.invalid_api_key" in reason


async def test_an_error_that_the_session_survives_does_not_end_it(events: Events) -> None:
    async def script(peer: Peer) -> None:
        await peer.open()
        cancel = await peer.expect("response.cancel")
        error = {"code": "response_cancel_not_active", "message": "none"}
        await peer.emit({"type": "error", "error": error | {"event_id": cancel["event_id"]}})
        await peer.until_closed()

    async with scripted(script) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            await events.get()
            leg.send(do.Cancel())
            refused = await events.get()
            assert refused == AssistantRefused(
                "response_cancel_not_active", "none", "response.cancel-1"
            )
            assert not task.done()


REFUSALS = [
    (401, "the key was refused; check OPENAI_API_KEY"),
    (403, "the key may not do this"),
    (404, "nothing answers at this address; check [assistant] base_url and model"),
    (400, "for Azure the deployment's name) (HTTP 400: OpperationNotSupported: no such [key])"),
    (429, "too many sessions"),
    (500, "the server failed; try again"),
    (418, "the handshake was refused"),
]


@pytest.mark.parametrize(("status", "words"), REFUSALS, ids=[str(s) for s, _ in REFUSALS])
async def test_a_refused_handshake_says_what_to_do(status: int, words: str) -> None:
    body = json.dumps({"error": {"code": "OpperationNotSupported", "message": f"no such {KEY}"}})

    def refuse(peer: Any, request: Any) -> Any:
        return peer.respond(HTTPStatus(status), body)

    async with scripted(idle, refuse=refuse) as server:
        reason = await lost(target(server.url))
    assert reason.startswith(f"{server.host}: ")
    assert words in reason
    assert f"HTTP {status}" in reason


async def test_nobody_listens() -> None:
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    reason = await lost(target(f"http://localhost:{port}/v1"))
    assert reason.startswith(f"localhost:{port}: ")


async def test_a_name_that_nobody_knows() -> None:
    reason = await lost(target("https://nowhere.invalid/v1"))
    assert reason.startswith("nowhere.invalid: ")
    assert "base_url" in reason


async def test_a_server_that_does_not_answer_the_handshake() -> None:
    with socket.create_server(("localhost", 0)) as deaf:
        port = deaf.getsockname()[1]
        reason = await lost(replace(target(f"http://localhost:{port}"), patience=0.05))
    assert "no answer in time" in reason


async def test_a_server_that_opens_no_session() -> None:
    async with scripted(Peer.until_closed) as server:
        reason = await lost(replace(target(server.url), patience=0.3))
    assert "opened no session within 0.3 s" in reason


async def test_a_certificate_that_is_not_trusted(server_tls: ssl.SSLContext) -> None:
    async with scripted(idle, tls=server_tls) as server:
        reason = await lost(target(server.url))
    assert "its certificate is not trusted" in reason
    assert "ca_file" in reason


async def test_an_authority_that_is_no_file() -> None:
    reason = await lost(target("https://localhost:1/v1", ca_file="/nowhere/ca.pem"))
    assert "[assistant] ca_file: expected a PEM file" in reason


async def test_a_server_that_stops_reading_is_given_up(events: Events) -> None:
    over = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.open()
        peer.socket.transport.pause_reading()
        await over.wait()
        peer.drop()

    async with scripted(script) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            await events.get()
            for _ in range(40):
                leg.send(do.SendAudio(bytes(960_000)))
            await task
        over.set()
    assert events.get_nowait() == AssistantLost(
        f"{server.host}: the server does not read what is sent to it", "not_reading"
    )


async def test_the_advice_names_the_section_that_the_model_stands_in() -> None:
    nowhere = target("http://127.0.0.1:1/v1")
    assert "check [assistant] base_url" in await lost(nowhere)
    other = replace(nowhere, section="assistants.backup")
    assert "check [assistants.backup] base_url" in await lost(other)


async def test_cancelling_a_leg_at_any_point_leaves_no_task_behind(events: Events) -> None:
    async with scripted(one_turn) as server:
        for steps in range(40):
            before = asyncio.all_tasks()
            leg = open_leg(target(server.url), pcm16(24_000))
            task = asyncio.create_task(leg.run(events.put_nowait))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            left = {t for t in asyncio.all_tasks() - before if "assistant" in t.get_name()}
            assert left == set()


# ---------------------------------------------------------------- logs


async def test_the_log_shows_types_and_nothing_that_was_said(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    async with scripted(idle) as server:
        leg = open_leg(target(server.url), pcm16(24_000))
        async with running(leg, events) as task:
            await events.get()
            leg.send(do.SendText("my card number"))
            leg.close("over")
            await task
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("gateway")]
    assert "< session.created" in lines
    assert "> conversation.item.create" in lines
    assert "card" not in "".join(lines)
    assert KEY not in "".join(lines)


def test_a_target_shows_no_key() -> None:
    shown = repr(replace(target("http://localhost/v1"), headers={"Authorization": KEY}))
    assert KEY not in shown
