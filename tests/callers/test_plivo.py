"""Plivo's streams, webhooks and API: extra headers, signatures, what is ordered of calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from audio.format import Format, pcm16
from gateway.callers.line import LineError
from gateway.callers.plivo import dial_xml, is_signed, signature
from gateway.callers.plivo_stream import PlivoDialect, parameters
from gateway.errors import WireError
from tests.callers.peers.peer import Ring, call
from tests.callers.peers.plivo import PEER, TOKEN, Stream, form, public, signed
from tests.callers.standin import StandIn, put_through, standing_in
from tests.house import House, PlainMind, open_house

QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
ANSWER = "https://gw.example.com/plivo/answer"
FIELDS = [("CallUUID", "abc"), ("From", "15551230000"), ("To", "15559870000")]
POSTED = "4eoUdp6F+f7cM1bWZOlNyYedZXlRtgdA9O1KPUntZWw="
ACCOUNT = "/v1/Account/MA1"


@asynccontextmanager
async def open_plivo(url: str = "", **more: str) -> AsyncIterator[tuple[House, StandIn]]:
    """A gateway, and an API that it gives its orders to."""
    async with standing_in() as api:
        section = {"api": api.address, "auth_id": "MA1", "caller": "+15550111", **more}
        named = {f"TRUNKLINE_BRIDGES__PLIVO__{k.upper()}": v for k, v in section.items()}
        variables = {**PEER.settings, **named, "TRUNKLINE_SERVER__PUBLIC_URL": url}
        mind, tools = PlainMind("Yes.", "put_through"), [put_through("+15550199")]
        async with open_house(mind, tools, variables) as house:
            yield house, api


async def post(house: House, path: str, headers: dict[str, str] | None = None) -> Response:
    fields = form(Ring())
    shown = signed(public(house, path), fields) if headers is None else headers
    async with AsyncClient() as http:
        return await http.post(house.address + path, data=dict(fields), headers=shown)


# ---------------------------------------------------------------- signatures


def test_signatures_are_those_of_the_sdk() -> None:
    assert signature("tok", "POST", ANSWER, "12345", FIELDS) == POSTED
    assert signature("tok", "POST", ANSWER, "12345", reversed(FIELDS)) == POSTED
    socket = signature("tok", "GET", "wss://gw.example.com/plivo/ws", "12345")
    assert socket == "LdsSlCrWdDGtlNW/BXqUZxK6OoXi9N+i7P7zR6ktMTo="


def test_the_query_counts_in_any_order() -> None:
    one = signature("tok", "GET", ANSWER + "?b=2&a=1", "n")
    assert one == signature("tok", "GET", ANSWER + "?a=1&b=2", "n")
    assert one != signature("tok", "GET", ANSWER + "?a=1", "n")
    assert signature("tok", "POST", ANSWER + "?a=1", "n", FIELDS) != one


def test_one_of_several_signatures_is_enough() -> None:
    assert is_signed(f"another, {POSTED}", POSTED)
    assert is_signed(POSTED, POSTED)
    assert not is_signed("another,third", POSTED)
    assert not is_signed("", POSTED)


# ---------------------------------------------------------------- the wire


@pytest.mark.parametrize(
    "extra",
    [
        "tenant=acme;lang=de",
        "tenant=acme,lang=de",
        '{"tenant":"acme","lang":"de"}',
        " tenant = acme ; lang=de; ",
    ],
)
def test_extra_headers_come_in_any_syntax(extra: str) -> None:
    assert parameters(extra) == {"tenant": "acme", "lang": "de"}


def test_extra_headers_may_be_missing_empty_or_an_object() -> None:
    assert parameters(None) == parameters("") == {}
    assert parameters({"tenant": "acme", "size": 7}) == {"tenant": "acme", "size": "7"}
    with pytest.raises(WireError):
        parameters("{tenant")


def test_a_ticket_gets_its_hyphens_back() -> None:
    word = "939facd0-287c-45d4-96cf-b424958681a2"
    assert parameters(f"ticket={word.replace('-', '')}") == {"ticket": word}
    assert parameters("ticket=k3y") == {"ticket": "k3y"}


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("audio/x-mulaw;rate=8000", Format("pcmu", 8_000)),
        ("audio/x-l16;rate=8000", pcm16(8_000)),
        ("audio/x-l16;rate=16000", pcm16(16_000)),
    ],
)
def test_the_start_says_what_the_sound_is(content: str, form: Format) -> None:
    dialect = PlivoDialect(Format("pcmu", 8_000))
    list(dialect.decode(Stream("", content).begin()[0]))
    assert dialect.format == form


def test_l16_may_be_in_the_other_byte_order() -> None:
    dialect = PlivoDialect(pcm16(8_000), "big")
    list(dialect.decode(Stream("", "audio/x-l16;rate=8000").begin()[0]))
    assert dialect.format == Format("pcm16be", 8_000)


def test_a_codec_that_is_not_known_is_said() -> None:
    start = json.loads(str(Stream().begin()[0]))
    start["start"]["mediaFormat"]["encoding"] = "audio/opus"
    with pytest.raises(WireError, match=r"bridges\.plivo\.content"):
        list(PlivoDialect(pcm16(8_000)).decode(json.dumps(start)))


# ---------------------------------------------------------------- webhooks and the API


async def test_the_xml_streams_both_ways_with_a_ticket_of_letters_and_digits() -> None:
    async with open_plivo(content="l16-16000") as (house, _):
        response = await post(house, "/plivo/voice?tenant=acme")
        (stream,) = ElementTree.fromstring(response.text)
        extra = stream.attrib.pop("extraHeaders")
        assert extra.startswith("ticket=")
        assert len(extra) == 7 + 32
        assert stream.text == public(house, "/plivo/media", "wss")
        assert stream.attrib == {
            "bidirectional": "true",
            "keepCallAlive": "true",
            "contentType": "audio/x-l16;rate=16000",
            "audioTrack": "inbound",
            "streamTimeout": "86400",
            "statusCallbackUrl": public(house, "/plivo/status"),
            "statusCallbackMethod": "POST",
        }


async def test_what_is_not_signed_is_forbidden(caplog: pytest.LogCaptureFixture) -> None:
    async with open_plivo() as (house, _):
        for path in ("/plivo/voice", "/plivo/orders", "/plivo/status"):
            wrong = signed(public(house, "/elsewhere"), form(Ring()))
            late = {
                k: v
                for k, v in signed(public(house, path), form(Ring())).items()
                if "Nonce" not in k
            }
            for headers in ({}, wrong, late):
                assert (await post(house, path, headers)).status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            await connect(
                house.address.replace("http", "ws", 1) + "/plivo/media",
                additional_headers=signed("wss://elsewhere", method="GET"),
                proxy=None,
            )
        assert refused.value.response.status_code == 403
    assert TOKEN not in caplog.text


async def test_a_stream_needs_its_ticket() -> None:
    async with open_plivo() as (house, _):
        address = house.address.replace("http", "ws", 1) + "/plivo/media"
        async with connect(address, proxy=None) as socket:
            await socket.send(Stream("ticket=guess").begin()[0])
            await socket.wait_closed()
            assert socket.close_code == 1008


async def test_a_stream_needs_its_signature_where_that_is_asked_for() -> None:
    async with open_plivo(check_upgrade="true") as (house, _):
        address = house.address.replace("http", "ws", 1) + "/plivo/media"
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, proxy=None)
        assert refused.value.response.status_code == 403


async def test_status_is_taken_and_a_full_gateway_hangs_up() -> None:
    async with open_plivo() as (house, _):
        assert (await post(house, "/plivo/status")).status_code == 204
        await house.gateway.switchboard.drain(0)
        assert "Hangup" in (await post(house, "/plivo/voice")).text


@pytest.mark.parametrize("answering", ["off", "detect", "hang_up"])
async def test_dialling_has_our_webhook_asked_with_an_order(answering: str) -> None:
    async with open_plivo("https://voice.example.com") as (house, api):
        api.usual = (201, {"message": "call fired", "request_uuid": "r-1"})
        async with AsyncClient() as http:
            order = {"via": "plivo", "to": "+15550100", "answering": answering}
            placed = await http.post(f"{house.address}/api/calls", json=order)
        assert (placed.status_code, placed.json()["id"]) == (201, "r-1")
        (asked,) = api.asked
        assert (asked.method, asked.path) == ("POST", f"{ACCOUNT}/Call/")
        assert asked.headers["authorization"].startswith("Basic ")
        said = asked.json
        assert (said["from"], said["to"]) == ("15550111", "15550100")
        expected = {"off": None, "detect": "true", "hang_up": "hangup"}[answering]
        assert said.get("machine_detection") == expected
        parts = urlsplit(said["answer_url"])
        assert dict(parse_qsl(parts.query)).keys() == {"order"}
        path = f"{parts.path}?{parts.query}"
        headers = signed(said["answer_url"], form(Ring()))
        assert "<Stream" in (await post(house, path, headers)).text
        assert (await post(house, path, headers)).status_code == 403  # it was used


@pytest.mark.parametrize(("status", "warned"), [(204, False), (404, False), (500, True)])
async def test_the_assistant_hangs_up_over_the_api(
    status: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_plivo() as (house, api):
        api.usual = (status, None)
        async with call(PEER, house) as telephone:
            await telephone.until(lambda: house.gateway.switchboard.statistics().live > 0)
            await house.gateway.switchboard.drain(5)
            await telephone.ended.wait()
        assert api.orders == [f"DELETE {ACCOUNT}/Call/c-1/"]
    assert ("did not end the call" in caplog.text) == warned
    assert TOKEN not in caplog.text


@pytest.mark.virtual_clock
async def test_a_caller_is_put_through_by_another_xml() -> None:
    async with open_plivo() as (house, api):
        api.usual = (202, {"message": "call transferred"})
        async with call(PEER, house) as telephone:
            await telephone.say(QUESTION)
            await telephone.ended.wait()
        (asked,) = api.asked
        assert (asked.method, asked.path) == ("POST", f"{ACCOUNT}/Call/c-1/")
        assert (asked.json["legs"], asked.json["aleg_method"]) == ("aleg", "POST")
        path = asked.json["aleg_url"].removeprefix(public(house, ""))
        xml = ElementTree.fromstring((await post(house, path)).text)
        assert xml.findtext("Dial/Number") == "15550199"
        assert (await post(house, path)).status_code == 403


def test_whom_to_dial() -> None:
    assert dial_xml("sip:desk@pbx.test") == "<Dial><User>sip:desk@pbx.test</User></Dial>"
    assert dial_xml("+1 (555) 0199") == "<Dial><Number>15550199</Number></Dial>"
    with pytest.raises(LineError, match="telephone number"):
        dial_xml("<Hangup/>")
