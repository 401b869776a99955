"""Vonage's webhooks and API: JWTs, the NCCO, what is ordered of calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.callers.vonage import endpoint, is_signed
from gateway.errors import SettingsError
from tests.callers.peers.peer import Ring, call
from tests.callers.peers.vonage import PEER, SECRET, UUID, bearer, told
from tests.callers.standin import StandIn, put_through, standing_in
from tests.house import House, PlainMind, open_house

NOW = 1_790_000_000
QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
KEY = generate_private_key(65537, 2048)


@asynccontextmanager
async def open_vonage(tmp_path: Path, **more: str) -> AsyncIterator[tuple[House, StandIn]]:
    """A gateway, and an API that it gives its orders to."""
    pem = tmp_path / "private.key"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    known = {"application_id": "app-1", "private_key_file": str(pem), "caller": "+15550111"}
    async with standing_in() as api:
        url = more.pop("public_url", "https://voice.example.com")
        section = {"api": api.address, **known, **more}
        named = {f"TRUNKLINE_BRIDGES__VONAGE__{k.upper()}": v for k, v in section.items()}
        variables = {**PEER.settings, **named, "TRUNKLINE_SERVER__PUBLIC_URL": url}
        mind, tools = PlainMind("Yes.", "put_through"), [put_through("+15550199")]
        async with open_house(mind, tools, variables) as house:
            yield house, api


async def ask(
    house: House, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> Response:
    shown = bearer(body) if headers is None else headers
    async with AsyncClient() as http:
        method = "POST" if body else "GET"
        return await http.request(method, house.address + path, content=body, headers=shown)


def test_a_token_is_of_the_secret_of_now_and_of_the_body() -> None:
    body = b'{"a":1}'
    shown = bearer(body, iat=NOW)["authorization"]
    assert is_signed(SECRET, shown, body, NOW)
    assert is_signed(SECRET, shown, body, NOW + 300)
    assert not is_signed(SECRET, shown, body, NOW + 301)
    assert not is_signed(SECRET, shown, body, NOW - 301)
    assert not is_signed(SECRET, shown, body + b" ", NOW)
    assert not is_signed(SECRET + "?", shown, body, NOW)
    assert not is_signed(SECRET, shown.replace("Bearer", "Basic"), body, NOW)
    assert not is_signed(SECRET, bearer(iat=NOW)["authorization"], body, NOW)
    assert not is_signed(SECRET, bearer(iat=NOW, exp=NOW - 1)["authorization"], b"", NOW)


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer a.b.c", "Bearer " + "x" * 9000])
def test_what_is_no_token_does_not_pass(shown: str) -> None:
    assert not is_signed(SECRET, shown, b"", NOW)


def test_a_token_that_nobody_signed_does_not_pass() -> None:
    claims = {"iat": NOW, "jti": "j"}
    assert not is_signed(SECRET, "Bearer " + jwt.encode(claims, None, algorithm="none"), b"", NOW)
    assert not is_signed(SECRET, "Bearer " + jwt.encode(claims, KEY, algorithm="RS256"), b"", NOW)
    timeless = jwt.encode({"jti": "j"}, SECRET, algorithm="HS256")
    assert not is_signed(SECRET, f"Bearer {timeless}", b"", NOW)


@pytest.mark.parametrize("by_get", [True, False])
async def test_the_ncco_connects_the_call_here(tmp_path: Path, by_get: bool) -> None:
    async with open_vonage(tmp_path, rate="24000") as (house, _):
        fields = json.loads(told(Ring()))
        path = "/vonage/voice?tenant=acme"
        response = (
            await ask(house, f"{path}&{urlencode(fields)}")
            if by_get
            else await ask(house, path, told(Ring()))
        )
        (action,) = response.json()
        (socket,) = action["endpoint"]
        assert (action["action"], action["eventUrl"]) == (
            "connect",
            ["https://voice.example.com/vonage/events"],
        )
        ticket = socket.pop("headers")["ticket"]
        assert len(ticket) == 36
        assert socket == {
            "type": "websocket",
            "uri": "wss://voice.example.com/vonage/media",
            "content-type": "audio/l16;rate=24000",
            "authorization": {"type": "vonage"},
        }


async def test_what_is_not_signed_is_forbidden(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_vonage(tmp_path) as (house, _):
        for path in ("/vonage/voice", "/vonage/events"):
            for headers in ({}, bearer(b"another body"), bearer(secret="x" * 40)):
                assert (await ask(house, path, told(Ring()), headers)).status_code == 403
        url = house.address.replace("http", "ws") + "/vonage/media"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, additional_headers=bearer(secret="x" * 40))
        assert refused.value.response.status_code == 403
    assert SECRET not in caplog.text


async def test_events_are_taken_and_nonsense_is_not(tmp_path: Path) -> None:
    async with open_vonage(tmp_path) as (house, _):
        event = b'{"status":"answered","uuid":"u","from":"1","to":"2","direction":"inbound"}'
        assert (await ask(house, "/vonage/events", event)).status_code == 204
        for nonsense in (b"{", b"[]", b'{"from":7}', b"[" * 5000):
            assert (await ask(house, "/vonage/voice", nonsense)).status_code == 400
        assert (await ask(house, "/vonage/events", b"x" * 70_000)).status_code == 413


async def test_a_full_gateway_says_so(tmp_path: Path) -> None:
    async with open_vonage(tmp_path, busy="Später bitte.") as (house, _):
        await house.gateway.switchboard.drain(0)
        response = await ask(house, "/vonage/voice", told(Ring()))
        assert response.json() == [{"action": "talk", "text": "Später bitte."}]


@pytest.mark.parametrize("answering", ["off", "detect", "hang_up"])
async def test_dialling_is_a_call_with_our_ncco(tmp_path: Path, answering: str) -> None:
    async with open_vonage(tmp_path) as (house, api):
        api.usual = (201, {"uuid": UUID, "status": "started", "direction": "outbound"})
        async with AsyncClient() as http:
            order = {"via": "vonage", "to": "+1 (555) 0100", "answering": answering}
            placed = await http.post(f"{house.address}/api/calls", json=order)
        assert (placed.status_code, placed.json()["id"]) == (201, UUID)
        (asked,) = api.asked
        token = asked.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, KEY.public_key(), algorithms=["RS256"])
        assert claims["application_id"] == "app-1"
        assert (asked.method, asked.path) == ("POST", "/v1/calls")
        said = asked.json
        assert said["to"] == [{"type": "phone", "number": "15550100"}]
        assert said["from"] == {"type": "phone", "number": "15550111"}
        assert said["ncco"][0]["endpoint"][0]["uri"] == "wss://voice.example.com/vonage/media"
        expected = {"off": None, "detect": "continue", "hang_up": "hangup"}[answering]
        assert said.get("machine_detection") == expected


@pytest.mark.parametrize(
    ("body", "path", "status", "said"),
    [
        ({"to": "nobody"}, "", 502, "telephone number"),
        ({"to": "+15550100"}, "/calls", 502, "401"),
    ],
)
async def test_an_order_that_fails_says_why(
    tmp_path: Path, body: dict[str, str], path: str, status: int, said: str
) -> None:
    async with open_vonage(tmp_path) as (house, api):
        api.usual = (401, {"title": "Unauthorized"})
        async with AsyncClient() as http:
            refused = await http.post(f"{house.address}/api/calls", json={"via": "vonage", **body})
        assert refused.status_code == status
        assert said in refused.text


def test_whom_to_call_is_a_number_or_a_sip_address() -> None:
    assert endpoint("sip:desk@pbx.test") == {"type": "sip", "uri": "sip:desk@pbx.test"}
    assert endpoint("+49 30-123456") == {"type": "phone", "number": "4930123456"}


async def test_a_socket_without_its_ticket_is_closed(tmp_path: Path) -> None:
    async with open_vonage(tmp_path) as (house, _):
        url = house.address.replace("http", "ws") + "/vonage/media"
        async with connect(url, additional_headers=bearer()) as socket:
            first = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}
            await socket.send(json.dumps(first))
            await socket.wait_closed()
            assert socket.close_code == 1008


@pytest.mark.parametrize("kept", [None, "ssh-rsa AAAA", "\0"])
async def test_a_key_that_is_none_is_said_at_the_start(tmp_path: Path, kept: str | None) -> None:
    file = tmp_path / "other.key"
    if kept is not None:
        file.write_text(kept)
    with pytest.raises(SettingsError, match="private_key_file"):
        async with open_vonage(tmp_path, private_key_file=str(file)):
            pass


@pytest.mark.virtual_clock
async def test_a_caller_is_put_through(tmp_path: Path) -> None:
    async with open_vonage(tmp_path, public_url="") as (house, api):
        api.usual = (204, None)
        async with call(PEER, house) as telephone:
            await telephone.say(QUESTION)
            await telephone.ended.wait()
        (asked,) = api.asked
        assert (asked.method, asked.path) == ("PUT", f"/v1/calls/{UUID}")
        connect_agent = {
            "action": "connect",
            "endpoint": [{"type": "phone", "number": "15550199"}],
            "from": "15550111",
        }
        destination = {"type": "ncco", "ncco": [connect_agent]}
        assert asked.json == {"action": "transfer", "destination": destination}
