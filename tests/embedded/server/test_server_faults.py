"""Faults on order, clients that vanish, and clients that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest
import websockets

from gateway.embedded import faults
from gateway.embedded.faults import Faults
from gateway.embedded.parts import Say
from gateway.embedded.server import ServerOptions
from gateway.errors import AssistantError

ORDERED = ServerOptions(faults_by_query=True)


async def test_the_socket_drops_after_so_many_events(stage: Any) -> None:
    options = ServerOptions(faults=Faults(drop_after=2))
    async with stage(options=options) as s, s.client() as client:
        await client.receive()
        await client.update()
        await client.send("session.update", session={"type": "realtime"})
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is None  # no close frame


async def test_a_handshake_is_refused_with_a_status(stage: Any) -> None:
    async with stage(options=ORDERED) as s:
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with s.client("?fault=refuse:503"):
                pass
        assert refused.value.response.status_code == 503
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with s.client("?fault=explode:1"):
                pass
        assert b"expected name:number with one of drop_after" in refused.value.response.body


async def test_faults_in_the_address_count_only_where_they_are_allowed(stage: Any) -> None:
    async with stage() as s, s.client("?fault=refuse:503") as client:
        await client.receive()


@pytest.mark.parametrize("name", ["rate_limit", "server_error"])
async def test_responses_fail_from_a_certain_one_on(stage: Any, name: str) -> None:
    async with stage(options=ORDERED) as s, s.client(f"?fault={name}:2") as client:
        await client.receive()
        found = []
        for _ in range(3):
            await client.say("Hi.")
            done = (await client.until("response.done"))[-1]["response"]
            found.append(done["status"])
            await client.until("rate_limits.updated")
        assert found == ["completed", "failed", "failed"]
        code = done["status_details"]["error"]["code"]
        assert code == {"rate_limit": "rate_limit_exceeded"}.get(name, "server_error")


async def test_what_a_part_cannot_do_is_told_without_a_traceback(stage: Any, caplog: Any) -> None:
    async with stage() as s, s.client() as client:
        await client.receive()
        s.mind.turns = [[AssistantError("the mind's endpoint is away; start it")]]
        await client.say("Hi.")
        done = (await client.until("response.done"))[-1]["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["message"] == "the mind's endpoint is away; start it"
    (line,) = caplog.records
    assert (line.why, line.exc_info) == ("the mind's endpoint is away; start it", None)


async def test_deltas_come_late_after_a_cancellation(stage: Any) -> None:
    async with stage(options=ORDERED) as s, s.client("?fault=late:2") as client:
        await client.receive()
        s.mouth.pause_after = 1
        await client.say("Hi.")
        await client.until("response.output_audio.delta")
        await client.ask("response.cancel", "response.done")
        late = await client.drain()
        kinds = [event["type"] for event in late]
        assert kinds == ["response.output_audio.delta"] * 2 + ["rate_limits.updated"]


async def test_events_are_delayed(stage: Any) -> None:
    async with stage(options=ORDERED) as s, s.client("?fault=delay_ms:60") as client:
        begun = asyncio.get_running_loop().time()
        await client.receive()
        assert asyncio.get_running_loop().time() - begun >= 0.06


async def test_the_session_expires_early(stage: Any) -> None:
    async with stage(options=ORDERED) as s, s.client("?fault=expire_ms:50") as client:
        assert (await client.until("error"))[-1]["error"]["code"] == "session_expired"


def test_orders_are_numbers_with_a_known_name() -> None:
    assert faults.parse(["late:2", "drop_after:0"]) == Faults(late=2, drop_after=0)
    assert faults.parse([]) == Faults()
    for wrong in ("late", "late:x", "late:-1", "failure:1", "__class__:1"):
        with pytest.raises(ValueError, match="expected name:number"):
            faults.parse([wrong])


async def test_nothing_is_left_of_clients_that_vanish(stage: Any, speech: bytes) -> None:
    chance = random.Random(7)
    before = asyncio.all_tasks()
    async with stage() as s:
        s.mouth.pause_after = 2

        async def visit() -> None:
            async with s.client(checked=False) as client:
                await client.append(speech[: chance.randrange(len(speech))], 48_000)
                await client.send("response.create")
                for _ in range(chance.randrange(12)):
                    await client.receive()
                client.socket.transport.abort()

        for _ in range(6):
            await asyncio.gather(*(visit() for _ in range(5)))
        while s.mind.running or s.mouth.running:
            await asyncio.sleep(0)
        async with s.client() as client:  # the server is as well as ever
            assert (await client.receive())["type"] == "session.created"
    assert asyncio.all_tasks() == before


async def test_an_answer_waits_for_a_client_that_does_not_read(stage: Any) -> None:
    story = "A very long story that goes on and on and does not come to an end, " * 40 + "ever."
    async with stage([[Say(story)]]) as s, s.client() as client:
        await client.receive()
        await client.send("response.create")
        client.socket.transport.pause_reading()
        for _ in range(2000):
            await asyncio.sleep(0)
        [(text, _, _)] = s.mouth.spoken
        assert s.mouth.running == 1  # it has not run away
        client.socket.transport.resume_reading()
        done = (await client.until("response.done"))[-1]["response"]
        assert done["output"][0]["content"][0]["transcript"] == text == story


async def test_two_clients_share_nothing(stage: Any) -> None:
    async with stage() as s, s.client() as one, s.client() as two:
        await one.receive()
        await two.receive()
        await one.update(instructions="one")
        await one.say("I am one.")
        await one.until("rate_limits.updated")
        await two.say("I am two.")
        await two.until("rate_limits.updated")
        first, second = s.mind.situations
        assert (first.instructions, second.instructions) == ("one", "")
        assert [line.text for line in second.lines] == ["I am two."]


async def test_a_server_that_stops_says_goodbye_to_who_is_there(stage: Any) -> None:
    async with stage() as s:
        socket = await websockets.connect(s.address.url)
        await socket.recv()
        s.mouth.pause_after = 1
        await socket.send('{"type": "response.create"}')
        while not s.mouth.running:
            await socket.recv()
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await socket.recv()
    assert socket.close_code == 1012
    assert s.mouth.running == s.mind.running == 0
    await socket.close()
