"""jambonz' webhooks and sockets: passwords, the verb listen, the way on after it, FreeSWITCH."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.call.effects import Flush, Play
from gateway.callers.jambonz import whom
from gateway.callers.jambonz_listen import MOST_MARKS, ListenDialect, without_sentinels
from gateway.callers.line import LineError
from gateway.errors import WireError
from tests.callers.peers.jambonz import BASIC, PEER, SID, Stream, told
from tests.callers.peers.peer import Ring, Telephone, call
from tests.callers.standin import put_through
from tests.house import House, PlainMind, open_house

QUESTION = Path(__file__).parents[2] / "samples/audio/commands/where_is_my_order.wav"
WRONG = {"authorization": "Basic " + b64encode(b"trunkline:guess").decode()}
OWN_LISTENS = {"TRUNKLINE_BRIDGES__JAMBONZ__CHECK_TICKET": "false"}


def media(house: House) -> str:
    return house.address.replace("http", "ws", 1) + "/jambonz/media"


async def post(
    house: House, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body or told(Ring())).encode()
    async with AsyncClient() as http:
        address = f"{house.address}/jambonz/{path}"
        return await http.post(address, content=content, headers=headers or BASIC)


# ---------------------------------------------------------------- the wire


def test_the_sample_that_is_the_modules_own_is_not_sent() -> None:
    assert without_sentinels(b"\xff\xff\x00\xff\xff\x00\xfe\xff") == b"\0\0\x00\xff\xff\x00\xfe\xff"
    assert without_sentinels(sound := b"\x01\x00\x02\x00") is sound


def test_there_are_never_more_marks_than_the_module_keeps() -> None:
    dialect, module = ListenDialect(8_000), Stream()
    list(dialect.decode(module.begin()[0]))
    for number in range(100):
        for message in dialect.encode(Play("a", b"\x01\x00" * 160, number * 160, 0)):
            module.take(message)  # which counts them
    assert len(module._out) == MOST_MARKS
    for message in dialect.encode(Flush(1)):
        module.take(message)
    for message in module.cleared([]):
        assert list(dialect.decode(message)) == []
    again = list(dialect.encode(Play("b", b"\x01\x00" * 160, 0, 1)))
    assert len(again) == 3


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"mixType": "stereo"}, 1003),
        ({"sampleRate": 11_025}, 1003),
        ({"sampleRate": "fast"}, 1003),
        ({"sampleRate": [8000]}, 1003),
        ({"sampleRate": 8000.0}, 1003),
    ],
)
def test_a_listen_that_we_cannot_take_says_what_to_set(first: dict[str, Any], code: int) -> None:
    with pytest.raises(WireError, match="Set them in the listen") as broken:
        list(ListenDialect(8_000).decode(json.dumps(first)))
    assert broken.value.code == code


# ---------------------------------------------------------------- webhooks


async def test_the_webhook_answers_with_a_listen_both_ways() -> None:
    rate = {"TRUNKLINE_BRIDGES__JAMBONZ__RATE": "16000"}
    public = {"TRUNKLINE_SERVER__PUBLIC_URL": "https://voice.example.com"}
    async with open_house(variables={**PEER.settings, **rate, **public}) as house:
        (verb,) = (await post(house, "voice")).json()
    metadata = verb.pop("metadata")
    assert set(metadata) == {"ticket", "trunkline_hook"}
    assert verb == {
        "verb": "listen",
        "url": "wss://voice.example.com/jambonz/media",
        "mixType": "mono",
        "sampleRate": 16000,
        "passDtmf": True,
        "actionHook": "https://voice.example.com/jambonz/after",
        "wsAuth": {"username": "trunkline", "password": "s3cret"},
        "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": 16000},
    }


async def test_without_the_password_nobody_comes_in(caplog: pytest.LogCaptureFixture) -> None:
    async with open_house(variables=PEER.settings) as house:
        for path in ("voice", "after", "status"):
            assert (await post(house, path, headers=WRONG)).status_code == 403
            assert (await post(house, path, headers={"x": "y"})).status_code == 403
        for headers in ({}, WRONG):
            with pytest.raises(InvalidStatus) as refused:
                await connect(media(house), additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 403
    assert "s3cret" not in caplog.text
    assert "guess" not in caplog.text


async def test_status_is_taken_and_nonsense_is_not() -> None:
    async with open_house(variables=PEER.settings) as house:
        assert (await post(house, "status")).status_code == 204
        assert (await post(house, "after")).json() == [{"verb": "hangup"}]
        for nonsense in (b"{", b"[]", b"{}", b'{"call_sid":7}', b"[" * 5000):
            assert (await post(house, "voice", nonsense)).status_code == 400
        assert (await post(house, "voice", b"x" * 70_000)).status_code == 413


async def test_a_full_gateway_declines() -> None:
    async with open_house(variables=PEER.settings) as house:
        await house.gateway.switchboard.drain(0)
        (verb,) = (await post(house, "voice")).json()
        assert (verb["verb"], verb["status"]) == ("sip:decline", 486)


@pytest.mark.virtual_clock
async def test_a_caller_is_put_through_by_what_follows_the_listen() -> None:
    tools = [put_through("+15550199")]
    async with open_house(PlainMind("Yes.", "put_through"), tools, PEER.settings) as house:
        async with call(PEER, house) as telephone:
            await telephone.say(QUESTION)
            await telephone.ended.wait()
            assert telephone.transferred == []
        dial = {"verb": "dial", "target": [{"type": "phone", "number": "+15550199"}]}
        assert (await post(house, "after", {"call_sid": SID})).json() == [dial]
        assert (await post(house, "after", {"call_sid": SID})).json() == [{"verb": "hangup"}]


@pytest.mark.virtual_clock
async def test_whom_nobody_can_dial_is_not_put_through() -> None:
    tools = [put_through("the sales people")]
    async with (
        open_house(PlainMind("Yes.", "put_through"), tools, PEER.settings) as house,
        call(PEER, house) as telephone,
    ):
        await telephone.say(QUESTION)
        await telephone.until_heard(1.0)
        assert not telephone.ended.is_set()


def test_whom_to_dial() -> None:
    assert whom("sips:desk@pbx.test") == {"type": "sip", "sipUri": "sips:desk@pbx.test"}
    assert whom("+1 555-0199") == {"type": "phone", "number": "+15550199"}
    assert whom("1001") == {"type": "phone", "number": "1001"}
    with pytest.raises(LineError, match="telephone number"):
        whom("agent")


# ---------------------------------------------------------------- FreeSWITCH


@pytest.mark.virtual_clock
async def test_a_freeswitch_without_a_webhook_is_put_through_in_band() -> None:
    variables = {**PEER.settings, **OWN_LISTENS}
    tools = [put_through("sales")]
    async with open_house(PlainMind("Yes.", "put_through"), tools, variables) as house:
        protocols = [Subprotocol("audio.drachtio.org")]
        link = await connect(
            media(house), additional_headers=BASIC, subprotocols=protocols, proxy=None
        )
        assert link.subprotocol == "audio.drachtio.org"
        module = Stream()
        await link.send(module.begin()[0])
        telephone = Telephone(link, module)
        running = asyncio.create_task(telephone.run())
        await telephone.say(QUESTION)
        await telephone.until(lambda: bool(telephone.transferred))
        await telephone.hang_up()
        await running
        assert telephone.transferred == ["sales"]


async def test_a_listen_of_somebody_elses_needs_its_ticket() -> None:
    async with open_house(variables=PEER.settings) as house:
        async with connect(media(house), additional_headers=BASIC, proxy=None) as link:
            await link.send(Stream().begin()[0])
            assert await link.recv() == '{"type":"disconnect"}'
            await link.wait_closed()
            assert link.close_code == 1008
        assert house.gateway.switchboard.statistics().admitted == 0
