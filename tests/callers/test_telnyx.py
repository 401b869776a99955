"""Telnyx' webhooks and API: who signs, what is answered, what is ordered."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.callers.telnyx import is_signed
from gateway.errors import SettingsError
from tests.callers.peers.peer import Ring, call
from tests.callers.peers.telnyx import KEY, PEER, PUBLIC, Stream, form, signed
from tests.callers.standin import StandIn, put_through, standing_in
from tests.house import House, PlainMind, open_house

NOW = 1_790_000_000.0
QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"


@asynccontextmanager
async def open_telnyx(**more: str) -> AsyncIterator[tuple[House, StandIn]]:
    """A gateway, and an API that it gives its orders to."""
    async with standing_in() as api:
        section = {"api": api.address + "/v2", "api_key": "KEY0123", **more}
        named = {f"TRUNKLINE_BRIDGES__TELNYX__{k.upper()}": v for k, v in section.items()}
        variables, tools = {**PEER.settings, **named}, [put_through("sip:desk@pbx.test")]
        async with open_house(PlainMind("Yes.", "put_through"), tools, variables) as house:
            yield house, api


async def post(
    house: House, body: bytes, kind: str, headers: dict[str, str] | None = None
) -> Response:
    shown = signed(body) if headers is None else headers
    async with AsyncClient() as http:
        address = house.address + "/telnyx/voice?tenant=acme"
        return await http.post(address, content=body, headers={"content-type": kind, **shown})


async def happens(house: House, event: str, **payload: Any) -> Response:
    """Call Control tells of an event."""
    known = {"call_control_id": "v3:abc", "from": "+15550100", "to": "+15550101"}
    data = {"event_type": event, "id": f"id-{event}", "payload": {**known, **payload}}
    body = json.dumps({"data": {"record_type": "event", **data}}).encode()
    return await post(house, body, "application/json")


def test_a_signature_is_of_the_body_and_of_now() -> None:
    body = b'{"a":1}'
    headers = signed(body, NOW)
    assert is_signed(PUBLIC, headers, body, NOW + 300)
    assert is_signed(PUBLIC, headers, body, NOW - 300)
    assert not is_signed(PUBLIC, headers, body, NOW + 301)
    assert not is_signed(PUBLIC, headers, body, NOW - 301)
    assert not is_signed(PUBLIC, headers, body + b" ", NOW)
    assert not is_signed(PUBLIC, {**headers, "telnyx-timestamp": str(int(NOW) + 1)}, body, NOW)
    assert not is_signed(b64encode(b"\1" * 32).decode(), headers, body, NOW)


@pytest.mark.parametrize("shown", ["", "AAAA", "not base64!", "A" * 86 + "=="])
def test_what_is_no_signature_does_not_pass(shown: str) -> None:
    headers = {"telnyx-timestamp": str(int(NOW)), "telnyx-signature-ed25519": shown}
    assert not is_signed(PUBLIC, headers, b"", NOW)
    assert not is_signed(PUBLIC, {}, b"", NOW)
    late = {"telnyx-timestamp": "soon"}
    late["telnyx-signature-ed25519"] = b64encode(KEY.sign(b"soon|")).decode()
    assert not is_signed(PUBLIC, late, b"", NOW)


async def test_texml_orders_a_stream_both_ways_with_a_ticket() -> None:
    async with open_telnyx(codec="L16", rate="24000") as (house, _):
        response = await post(house, form(Ring()), "application/x-www-form-urlencoded")
    stream = ElementTree.fromstring(response.text).find("Connect/Stream")
    assert stream is not None
    host = house.address.removeprefix("http://")
    assert stream.attrib == {
        "url": f"wss://{host}/telnyx/media",
        "track": "inbound_track",
        "codec": "L16",
        "bidirectionalMode": "rtp",
        "bidirectionalCodec": "L16",
        "bidirectionalSamplingRate": "24000",
    }
    assert [one.attrib["name"] for one in stream] == ["ticket"]


async def test_an_unsigned_or_old_webhook_is_forbidden(caplog: pytest.LogCaptureFixture) -> None:
    async with open_telnyx() as (house, _):
        body, kind = form(Ring()), "application/x-www-form-urlencoded"
        for headers in ({}, signed(body, time.time() - 400), signed(body + b"&x=1")):
            response = await post(house, body, kind, headers)
            assert response.status_code == 403
            assert "<" not in response.text
    assert "KEY0123" not in caplog.text


async def test_call_control_is_answered_and_streamed() -> None:
    async with open_telnyx() as (house, api):
        assert (await happens(house, "call.initiated", direction="incoming")).status_code == 200
        (answer,) = api.asked
        assert (answer.path, answer.headers["authorization"]) == (
            "/v2/calls/v3:abc/actions/answer",
            "Bearer KEY0123",
        )
        assert answer.json["command_id"] == "id-call.initiated"
        state = answer.json["client_state"]
        await happens(house, "call.answered", direction="incoming", client_state=state)
        order = api.asked[-1]
        assert order.path == "/v2/calls/v3:abc/actions/streaming_start"
        said = order.json
        (parameter,) = said.pop("custom_parameters")
        assert said == {
            "stream_url": f"wss://{house.address.removeprefix('http://')}/telnyx/media",
            "stream_track": "inbound_track",
            "stream_codec": "PCMU",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
            "stream_bidirectional_sampling_rate": 8000,
            "stream_bidirectional_target_legs": "self",
            "command_id": "id-call.answered",
        }
        async with connect(house.address.replace("http", "ws") + "/telnyx/media") as socket:
            for message in Stream({"ticket": parameter["value"]}).begin():
                await socket.send(message)
            while not house.gateway.switchboard.statistics().live:
                await asyncio.sleep(0.01)
        assert house.gateway.switchboard.statistics().admitted == 1


async def test_the_leg_of_a_transfer_is_not_answered_for() -> None:
    async with open_telnyx() as (house, api):
        await happens(house, "call.initiated", direction="outgoing")
        await happens(house, "call.answered", direction="outgoing")
        await happens(house, "call.machine.detection.ended", result="machine")
        await happens(house, "call.answered", client_state=b64encode(b"not ours").decode())
        await happens(house, "call.hangup")
        await happens(house, "streaming.failed", failure_reason="connection_failed")
        assert api.orders == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"data":{}}', b'{"data":{"event_type":"call.answered"}}']
)
async def test_a_signed_webhook_that_is_not_understood_is_a_400(body: bytes) -> None:
    async with open_telnyx() as (house, api):
        assert (await post(house, body, "application/json")).status_code == 400
        assert api.orders == []


async def test_a_full_gateway_rejects() -> None:
    async with open_telnyx() as (house, api):
        await house.gateway.switchboard.drain(0)
        response = await post(house, form(Ring()), "application/x-www-form-urlencoded")
        reject = ElementTree.fromstring(response.text).find("Reject")
        assert reject is not None
        await happens(house, "call.initiated", direction="incoming")
        assert api.asked[-1].json["cause"] == "USER_BUSY"


async def dial(house: House, **order: Any) -> Response:
    async with AsyncClient() as http:
        return await http.post(f"{house.address}/api/calls", json={"via": "telnyx", **order})


@pytest.mark.parametrize(
    ("answering", "result", "orders"),
    [
        ("off", "", ["streaming_start"]),
        ("detect", "machine", ["streaming_start"]),
        ("hang_up", "human", ["streaming_start"]),
        ("hang_up", "machine", ["streaming_start", "hangup"]),
    ],
)
async def test_dialling_streams_once_somebody_has_answered(
    answering: str, result: str, orders: list[str]
) -> None:
    async with open_telnyx(connection_id="c1", caller="+15550111") as (house, api):
        api.answers["/v2/calls"] = (200, {"data": {"call_control_id": "v3:abc"}})
        placed = await dial(house, to="+15550100", answering=answering, metadata={"case": "7"})
        assert (placed.status_code, placed.json()["id"]) == (201, "v3:abc")
        said = api.asked.pop().json
        assert (said["to"], said["from"], said["connection_id"]) == ("+15550100", "+15550111", "c1")
        assert ("answering_machine_detection" in said) == (answering != "off")
        state = said["client_state"]
        assert json.loads(b64decode(state))["answering"] == answering
        await happens(house, "call.answered", client_state=state)
        if result:
            await happens(house, "call.machine.detection.ended", client_state=state, result=result)
        assert [path.rpartition("/")[2] for path in api.orders] == orders


async def test_dialling_without_a_number_to_show_says_what_to_set() -> None:
    async with open_telnyx() as (house, _):
        refused = await dial(house, to="+15550100")
        assert refused.status_code == 502
        assert "bridges.telnyx.connection_id" in refused.text


@pytest.mark.parametrize(
    ("status", "said", "warned"),
    [
        (200, {"data": {}}, False),
        (422, {"errors": [{"code": "90018", "title": "Call has already ended"}]}, False),
        (422, {"errors": [{"code": "10015"}]}, True),
        (500, {}, True),
    ],
)
async def test_the_assistant_hangs_up_over_the_api(
    status: int, said: Any, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_telnyx() as (house, api):
        api.answers["/hangup"] = (status, said)
        async with call(PEER, house) as telephone:
            await telephone.until(lambda: house.gateway.switchboard.statistics().live > 0)
            await house.gateway.switchboard.drain(5)
            await telephone.ended.wait()
        assert api.orders == ["POST /v2/calls/v3:abc/actions/hangup"]
    assert ("did not end the call" in caplog.text) == warned
    assert "KEY0123" not in caplog.text


@pytest.mark.virtual_clock
@pytest.mark.parametrize("status", [200, 500])
async def test_a_caller_is_put_through_or_stays(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_telnyx() as (house, api), call(PEER, house) as telephone:
        api.answers["/transfer"] = (status, {})
        await telephone.say(QUESTION)
        while not api.asked:
            await telephone.until_heard(0.1)
            await asyncio.sleep(0.1)
        assert api.asked[0].path == "/v2/calls/v3:abc/actions/transfer"
        assert api.asked[0].json == {"to": "sip:desk@pbx.test"}
        if status == 200:
            await telephone.ended.wait()
        else:
            await asyncio.sleep(1)
            assert not telephone.ended.is_set()
        assert api.orders == ["POST /v2/calls/v3:abc/actions/transfer"]


async def test_a_wrong_token_is_turned_away_before_the_upgrade_and_after_it() -> None:
    async with open_telnyx(stream_token="s3cret") as (house, _):
        address = house.address.replace("http", "ws") + "/telnyx/media"
        shown = {"x-telnyx-streaming-auth-token": "guess"}
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, additional_headers=shown)
        assert refused.value.response.status_code == 403
        async with connect(address) as socket:
            for message in Stream().begin():
                await socket.send(message)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1008


async def test_a_stream_without_its_ticket_is_closed() -> None:
    async with open_telnyx() as (house, _):
        async with connect(house.address.replace("http", "ws") + "/telnyx/media") as socket:
            for message in Stream({"ticket": "guess"}).begin():
                await socket.send(message)
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1008
        assert house.gateway.switchboard.statistics().admitted == 0


async def test_a_key_that_is_none_is_said_at_the_start() -> None:
    with pytest.raises(SettingsError, match=r"bridges\.telnyx\.public_key"):
        async with open_telnyx(public_key="abc"):
            pass
