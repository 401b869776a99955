"""SignalWire's signatures and bearer tokens; all else it has in common with Twilio."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from httpx2 import AsyncClient, Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.call.events import CallerJoined
from gateway.callers.twiml_messages import StreamDialect
from tests.callers.peers.peer import Ring
from tests.callers.peers.signalwire import PEER, Codec
from tests.callers.peers.twilio import TOKEN, form, public
from tests.house import House, open_house

HEADER = "X-SignalWire-Signature"


@asynccontextmanager
async def house(**more: str) -> AsyncIterator[House]:
    named = {f"TRUNKLINE_BRIDGES__SIGNALWIRE__{name.upper()}": more[name] for name in more}
    async with open_house(variables={**PEER.settings, **named}) as opened:
        yield opened


async def post(opened: House, key: str = TOKEN, header: str = HEADER) -> Response:
    """A webhook's request, signed over its body."""
    body = urlencode(form(Ring())).encode()
    said = public(opened, "/signalwire/voice").encode() + body
    headers = {
        header: hmac.digest(key.encode(), said, "sha1").hex(),
        "content-type": "application/x-www-form-urlencoded",
    }
    async with AsyncClient() as http:
        return await http.post(opened.address + "/signalwire/voice", content=body, headers=headers)


async def test_a_signature_over_the_body_is_good_too() -> None:
    async with house() as opened:
        assert (await post(opened)).status_code == 200
        assert (await post(opened, header="X-Twilio-Signature")).status_code == 200
        assert (await post(opened, key="guess")).status_code == 403


async def test_the_stream_is_asked_for_in_the_codec_that_is_set() -> None:
    async with house(codec="PCMA", stream_token="s3same") as opened:
        stream = ElementTree.fromstring((await post(opened)).text).find("Connect/Stream")
    assert stream is not None
    assert stream.attrib["codec"] == "PCMA"
    assert stream.attrib["authBearerToken"] == "s3same"


async def test_a_stream_with_another_bearer_token_is_turned_away() -> None:
    async with house() as opened:
        url = opened.address.replace("http", "ws") + "/signalwire/media"
        for headers in ({}, {"Authorization": "Bearer guess"}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("codec", "encoding", "rate"),
    [
        ("PCMU", "pcmu", 8_000),
        ("PCMA", "pcma", 8_000),
        ("L16@8000h", "pcm16be", 8_000),
        ("L16@24000h", "pcm16be", 24_000),
    ],
)
def test_the_start_says_which_codec_it_is(codec: str, encoding: str, rate: int) -> None:
    dialect = StreamDialect("pcm16be")
    facts = [fact for message in Codec(codec).begin() for fact in dialect.decode(message)]
    assert [type(fact) for fact in facts] == [CallerJoined]
    assert (dialect.format.encoding, dialect.format.rate) == (encoding, rate)
