"""Every door but the API: what it asks of whoever comes, and that nobody takes another's call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from httpx2 import AsyncClient
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.doors.desk import Desk
from gateway.doors.tickets import Tickets
from gateway.http import LateClient
from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from gateway.identity.who import SCOPES
from tests.callers.peers.peer import PEERS, peer_of
from tests.house import House, message
from tests.whole import BriefMind, open_whole, typing

SECRET = "a secret of at least thirty-two characters"
PLACE, DIAL = "calls:place", "calls:dial"
OPEN = ("GET /", "GET /client/{name}", "GET /healthz", "GET /readyz")
SCOPED = {
    "GET /metrics": "metrics",
    "GET /v1/realtime/ice_servers": PLACE,
    "POST /audiosocket/voice": DIAL,
    "POST /chan_websocket/voice": DIAL,
    "POST /v1/realtime/calls": PLACE,
    "POST /v1/realtime/calls/{rtc_id}": PLACE,
    "POST /v1/realtime/calls/{rtc_id}/accept": PLACE,
    "POST /v1/realtime/calls/{rtc_id}/hangup": PLACE,
    "POST /v1/realtime/calls/{rtc_id}/refer": PLACE,
    "POST /v1/realtime/calls/{rtc_id}/reject": PLACE,
    "POST /v1/realtime/client_secrets": PLACE,
    "WS /browser": PLACE,
    "WS /v1/realtime": PLACE,
}
# By the carrier's own signature or password, or by a ticket that was given out for one call.
CARRIERS = {
    *(f"POST /{name}/voice" for name in ("twilio", "signalwire", "telnyx", "jambonz")),
    *(f"POST /{name}/orders" for name in ("twilio", "signalwire", "plivo")),
    *(f"POST /{name}/status" for name in ("twilio", "signalwire", "jambonz")),
    *(f"{way} /{name}" for way in ("GET", "POST") for name in ("plivo/voice", "plivo/status")),
    *(f"{way} /{name}" for way in ("GET", "POST") for name in ("vonage/voice", "vonage/events")),
    "POST /jambonz/after",
    "WS /genesys/connector",
    "WS /genesys/monitor",
    *(f"WS /{name}/media" for name in ("twilio", "signalwire", "telnyx", "vonage")),
    *(f"WS /{name}/media" for name in ("chan_websocket", "jambonz", "plivo")),
}
TICKETED = {f"GET /{name}/next/{{word}}" for name in ("audiosocket", "chan_websocket")}


@asynccontextmanager
async def every_door() -> AsyncIterator[tuple[House, AsyncClient]]:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET}
    for name in PEERS:
        told |= peer_of(name).settings
    async with (
        open_whole(told, BriefMind()) as house,
        AsyncClient(base_url=house.address) as http,
    ):
        yield house, http


def token(scopes: Iterable[str], tenant: str = "acme", caller: str = "ada") -> str:
    return issue(TokenPolicy(SECRET), tenant, caller, list(scopes), 600)


async def status(house: House, http: AsyncClient, door: str, shown: str = "") -> int:
    """What a request comes to; of a socket the status of its upgrade, or 403 for a refusal."""
    method, path = door.replace("{rtc_id}", "rtc_none").replace("{word}", "none").split(" ")
    headers = {"authorization": f"Bearer {shown}"} if shown else {}
    if method != "WS":
        return (await http.request(method, path, headers=headers)).status_code
    address = house.address.replace("http://", "ws://") + path
    try:
        async with connect(address, additional_headers=headers) as socket:
            await socket.send(message("start", reports=False))
            return 403 if '"error"' in str(await socket.recv()) else 101
    except InvalidStatus as refused:
        return refused.response.status_code
    except ConnectionClosed:
        return 403


@pytest.mark.virtual_clock
async def test_every_door_is_known_and_asks_for_something() -> None:
    async with every_door() as (house, http):
        desk = Desk(house.gateway.settings, house.gateway, LateClient(1.0), Tickets())
        doors = set()
        for one in [*house.gateway.routes(), *desk.routes]:
            methods = (one.methods or set()) - {"HEAD"} if isinstance(one, Route) else {"WS"}
            doors |= {f"{method} {one.path}" for method in methods}  # type: ignore[attr-defined]
        known = {*OPEN, *SCOPED, *CARRIERS, *TICKETED}
        assert {door for door in doors if not door.startswith("OPTIONS ")} == known
        for door in sorted(CARRIERS):
            every = token(SCOPES, "*")
            for shown in ("", every):
                assert await status(house, http, door, shown) in (401, 403), (door, shown != "")
        for door in sorted(TICKETED):
            assert await status(house, http, door) == 404


async def test_nobody_passes_a_door_without_its_scope() -> None:
    async with every_door() as (house, http):
        for door, scope in SCOPED.items():
            assert await status(house, http, door) in (401, 403), door
            without = token(set(SCOPES) - {scope})
            assert await status(house, http, door, without) == 403, door
            assert await status(house, http, door, token([scope])) not in (401, 403), door


async def test_nobody_goes_on_with_anothers_call_or_ends_it() -> None:
    strangers = {
        "of another tenant": token([PLACE], "globex"),
        "another caller": token([PLACE], "acme", "bob"),
    }
    async with (
        every_door() as (house, http),
        typing(house, token=token([PLACE])) as caller,
    ):
        call_id = caller.call_id
        for who, shown in strangers.items():
            headers = {"authorization": f"Bearer {shown}"}
            path = f"/v1/realtime/calls/{call_id.replace('call_', 'rtc_')}/hangup"
            assert (await http.post(path, headers=headers)).status_code == 404, who
            for address in (
                f"{house.browser}?call={call_id}",
                f"{house.browser.replace('/browser', '/v1/realtime')}?call_id={call_id}",
            ):
                async with connect(address, additional_headers=headers) as socket:
                    said = str(await socket.recv())
                    assert "no such call" in said, (who, said)
        assert (await caller.ask("Still there?"))["text"] == "Yes."
        mine = {"authorization": f"Bearer {token([PLACE])}"}
        path = f"/v1/realtime/calls/{call_id.replace('call_', 'rtc_')}/hangup"
        assert (await http.post(path, headers=mine)).status_code == 200
        await caller.wait_for("ended")
