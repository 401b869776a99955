"""Calls that an Asterisk makes for us, over a stand-in for its REST interface and its sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from httpx2 import AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.call.events import TransferOrdered
from tests.callers.peers.chan_websocket import PEER, Stream
from tests.callers.peers.journal import Calls, effects
from tests.house import House, open_house

LOGIN = "Basic dHJ1bmtsaW5lOnNlY3JldA=="  # trunkline:secret
MEDIA = "media-1"
WORD = "5b0f1f9e"


@dataclass
class Asterisk:
    """A stand-in; `answers`: whether the callee does. `refuses`: ends of paths that are refused."""

    answers: bool = True
    refuses: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    channel: str = ""
    events: WebSocket | None = None
    media: WebSocket | None = None
    closed: list[str] = field(default_factory=list)
    address: str = ""

    async def rest(self, request: Request) -> JSONResponse:
        assert request.headers["authorization"] == LOGIN
        path = request.url.path.removeprefix("/ari")
        self.asked.append(f"{request.method} {path.replace(self.channel or '-', 'callee')}")
        self.given[path] = dict(request.query_params)
        if path.endswith(self.refuses) and self.refuses:
            return JSONResponse({"message": "Allocation failed"}, 500)
        if path == "/channels":
            self.channel = request.query_params["channelId"]
            assert request.query_params["app"] == self.channel
            happened = "StasisStart" if self.answers else "ChannelDestroyed"
            await self.tell(happened, self.channel, cause_txt="User busy")
            return JSONResponse({"id": self.channel})
        if path == "/channels/externalMedia":
            named = {"MEDIA_WEBSOCKET_CONNECTION_ID": WORD}
            return JSONResponse({"id": MEDIA, "channelvars": named})
        if request.method == "DELETE" and path.endswith(MEDIA) and self.media is not None:
            await self.media.close(1000)
        return JSONResponse({"id": "bridge-1"} if path == "/bridges" else None)

    async def tell(self, happened: str, channel: str, **more: Any) -> None:
        assert self.events is not None
        said = {"type": happened, "channel": {"id": channel, "name": "x"}, **more}
        await self.events.send_text(json.dumps(said))

    async def watch(self, websocket: WebSocket) -> None:
        assert websocket.headers["authorization"] == LOGIN
        await websocket.accept()
        self.events = websocket
        await self._until_closed(websocket, "events")

    async def sound(self, websocket: WebSocket) -> None:
        assert websocket.path_params["word"] == WORD
        await websocket.accept("media")
        self.media = websocket
        await websocket.send_text(str(Stream().begin()[0]))
        await self.tell("StasisStart", MEDIA)
        await self._until_closed(websocket, "media")

    async def _until_closed(self, websocket: WebSocket, name: str) -> None:
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        except (WebSocketDisconnect, RuntimeError):
            pass
        self.closed.append(name)


@asynccontextmanager
async def standing_in(**options: Any) -> AsyncIterator[Asterisk]:
    pbx = Asterisk(**options)
    routes = [
        WebSocketRoute("/ari/events", pbx.watch),
        WebSocketRoute("/media/{word}", pbx.sound),
        Route("/ari/{path:path}", pbx.rest, methods=["GET", "POST", "DELETE"]),
    ]
    app = Starlette(routes=routes)
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="websockets-sansio")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setblocking(False)
        await server.startup(sockets=[bound])
        pbx.address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        try:
            yield pbx
        finally:
            await server.shutdown(sockets=[bound])


def variables(pbx: Asterisk, **more: str) -> dict[str, str]:
    prefix = "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__ARI__"
    ari = {"URL": pbx.address, "PASSWORD": "secret", "CALLER": "+15550199", **more}
    return {
        **PEER.settings,
        "TRUNKLINE_TURNS__SECOND_OPINION": "false",
        **{prefix + name: told for name, told in ari.items()},
    }


async def dial(house: House, target: str = "+15550100", **order: str) -> Response:
    asked = {"via": "chan_websocket", "to": target, "metadata": {"campaign": "spring"}, **order}
    async with AsyncClient() as http:
        return await http.post(f"{house.address}/api/calls", json=asked)


async def until_closed(pbx: Asterisk, *names: str) -> None:
    async with asyncio.timeout(60):
        while not set(names) <= set(pbx.closed):
            await asyncio.sleep(0.02)


async def until_live(house: House) -> None:
    async with asyncio.timeout(20):
        while not house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.02)


@pytest.mark.virtual_clock
async def test_whoever_answers_talks_to_the_assistant_and_all_is_taken_down(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    async with standing_in() as pbx:
        given = {**variables(pbx, ENDPOINT="PJSIP/{target}@trunk"), **calls.settings}
        async with open_house(variables=given) as house:
            answer = await dial(house)
            assert (answer.status_code, answer.json()["id"]) == (201, pbx.channel)
            await until_live(house)
            await pbx.tell("ChannelDestroyed", pbx.channel)
            await until_closed(pbx, "media", "events")
    assert (
        pbx.given["/channels"].items()
        >= {
            "endpoint": "PJSIP/+15550100@trunk",
            "callerId": "+15550199",
            "timeout": "45",
        }.items()
    )
    assert (
        pbx.given["/channels/externalMedia"].items()
        >= {
            "external_host": "INCOMING",
            "transport": "websocket",
            "encapsulation": "none",
            "connection_type": "server",
            "format": "slin16",
            "transport_data": "f(json)",
        }.items()
    )
    assert pbx.given["/bridges/bridge-1/addChannel"]["channel"] == f"{pbx.channel},{MEDIA}"
    assert pbx.asked == [
        "POST /channels",
        "POST /channels/externalMedia",
        "POST /bridges",
        "POST /bridges/bridge-1/addChannel",
        "DELETE /channels/media-1",
        "DELETE /channels/callee",
        "DELETE /channels/media-1",
        "DELETE /bridges/bridge-1",
    ]
    told = calls.only()
    known = told[0]["plan"]["metadata"]
    assert known.items() >= {"from": "+15550100", "to": "+15550199", "campaign": "spring"}.items()
    (end,) = effects(told, "End")
    assert end["reason"] == "hung up"


@pytest.mark.virtual_clock
async def test_when_the_assistant_hangs_up_so_is_the_callee() -> None:
    async with standing_in() as pbx, open_house(variables=variables(pbx)) as house:
        await dial(house)
        await until_live(house)
        await house.gateway.switchboard.drain(5)
        await until_closed(pbx, "media", "events")
        assert "DELETE /channels/callee" in pbx.asked


@pytest.mark.virtual_clock
async def test_a_callee_that_is_put_through_goes_on_in_the_dialplan() -> None:
    given = {"CONTEXT": "agents"}
    async with (
        standing_in() as pbx,
        open_house(variables=variables(pbx, **given)) as house,
    ):
        await dial(house)
        await until_live(house)
        (session,) = house.gateway.switchboard._live.values()
        session.feed(TransferOrdered("100"))
        await until_closed(pbx, "media", "events")
        assert "POST /channels/callee/continue" in pbx.asked
        assert "DELETE /channels/callee" not in pbx.asked
        asked = pbx.given[f"/channels/{pbx.channel}/continue"]
        assert asked == {"context": "agents", "extension": "100", "priority": "1"}


@pytest.mark.virtual_clock
async def test_who_does_not_answer_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with standing_in(answers=False) as pbx, open_house(variables=variables(pbx)) as house:
        assert (await dial(house)).status_code == 201
        await until_closed(pbx, "events")
        assert house.gateway.switchboard.statistics().admitted == 0
        assert pbx.asked == ["POST /channels", "DELETE /channels/callee"]
    (line,) = [one for one in caplog.records if one.message == "a call was not made"]
    assert line.__dict__["why"] == "not answered: User busy"


@pytest.mark.virtual_clock
@pytest.mark.parametrize("end", ["externalMedia", "/bridges", "addChannel"])
async def test_what_fails_half_way_is_taken_down(end: str) -> None:
    async with (
        standing_in(refuses=(end,)) as pbx,
        open_house(variables=variables(pbx)) as house,
    ):
        await dial(house)
        await until_closed(pbx, "events")
        assert "DELETE /channels/callee" in pbx.asked
        assert house.gateway.switchboard.statistics().live == 0


@pytest.mark.virtual_clock
@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"target": "1|2"}, "a number, an extension or a SIP address"),
        ({"answering": "detect"}, "cannot tell a machine from a person"),
    ],
)
async def test_what_cannot_be_done_is_said_at_once(order: dict[str, str], why: str) -> None:
    async with standing_in() as pbx, open_house(variables=variables(pbx)) as house:
        answer = await dial(house, **order)
        assert answer.status_code == 502
        assert why in answer.text
        assert not pbx.asked


@pytest.mark.virtual_clock
async def test_an_asterisk_that_refuses_or_is_not_there_is_named() -> None:
    async with standing_in(refuses=("/channels",)) as pbx:
        async with open_house(variables=variables(pbx)) as house:
            answer = await dial(house)
            assert answer.status_code == 502
            assert "Asterisk answered 500 to POST /channels" in answer.text
            await until_closed(pbx, "events")
        given = variables(pbx, URL="http://127.0.0.1:9")
        async with open_house(variables=given) as house:
            answer = await dial(house)
            assert answer.status_code == 502
            assert "Asterisk opened no WebSocket at /ari/events" in answer.text


@pytest.mark.virtual_clock
async def test_at_the_end_of_the_gateway_calls_that_ring_are_taken_down() -> None:
    async with standing_in() as pbx:
        async with open_house(variables=variables(pbx)) as house:
            await dial(house)
            await until_live(house)
        await until_closed(pbx, "media", "events")
        assert set(pbx.asked) >= {"DELETE /channels/callee", "DELETE /bridges/bridge-1"}
