"""SignalWire's side: as Twilio's, with the codec that the answer asks for."""

from __future__ import annotations

from websockets.asyncio.client import connect

from audio.format import Format, pcm16
from tests.callers.peers.peer import Link, Peer, Ring
from tests.callers.peers.provider import Provider
from tests.callers.peers.twilio import TOKEN, Stream, answer
from tests.house import House

ENCODINGS = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/x-l16"}


class Codec(Stream):
    """One stream in a codec, spelt as in the attribute."""

    def __init__(self, codec: str, parameters: dict[str, str] | None = None) -> None:
        super().__init__(parameters)
        name, _, rate = codec.removesuffix("h").partition("@")
        if name == "L16":
            self.format = pcm16(int(rate))
        else:
            self.format = Format("pcmu" if name == "PCMU" else "pcma", 8_000)
        self.frame = self.format.rate // 50
        self.spoken |= {"encoding": ENCODINGS[name], "sampleRate": self.format.rate}


async def ring_up(house: House, ring: Ring) -> tuple[Link, Provider]:
    twiml = await answer(house, ring, "/signalwire/voice", "X-SignalWire-Signature")
    stream = twiml.find("Connect/Stream")
    assert stream is not None
    parameters = {one.attrib["name"]: one.attrib["value"] for one in stream.findall("Parameter")}
    headers = {"Authorization": f"Bearer {stream.attrib['authBearerToken']}"}
    address = stream.attrib["url"].replace("wss://", "ws://")
    link = await connect(address, additional_headers=headers, proxy=None, compression=None)
    return link, Codec(stream.attrib["codec"], parameters)


PEER = Peer(
    {
        "TRUNKLINE_BRIDGES__SIGNALWIRE__ENABLED": "true",
        "TRUNKLINE_BRIDGES__SIGNALWIRE__SIGNING_KEY": TOKEN,
        "TRUNKLINE_BRIDGES__SIGNALWIRE__CODEC": "L16@24000h",
    },
    ring_up,
)
