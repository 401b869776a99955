"""One leg and aiortc's own peer: addresses, limits, bad messages, and peers that vanish."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pytest

from audio.format import pcm16
from gateway.call.effects import ShowNotice, Transfer
from gateway.call.events import (
    CallerAudio,
    CallerDigit,
    CallerJoined,
    CallerLeft,
    Event,
    TransferFailed,
)
from gateway.callers.browser import BrowserDialect, Greeting
from gateway.callers.webrtc import rtp
from gateway.callers.webrtc.ear import Ear
from gateway.callers.webrtc.ice import IceSettings, credentials, for_page
from gateway.callers.webrtc.leg import BROKEN, Limits, WebRtcLeg
from gateway.callers.webrtc.peer import CHECKED
from gateway.callers.webrtc.sdp import parse
from gateway.private import Private
from tests.callers.rtc_caller import Caller

LOOPBACK = IceSettings(loopback=True)


@dataclass
class Meeting:
    """A leg and its caller."""

    leg: WebRtcLeg
    caller: Caller
    answer: str = ""
    events: list[Event] = field(default_factory=list)
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    run: asyncio.Task[None] | None = None

    def feed(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, CallerJoined):
            self.joined.set()

    async def over(self) -> list[Event]:
        """All that was fed, when the leg has ended."""
        assert self.run is not None
        async with asyncio.timeout(10):
            await self.run
        sound = CallerJoined | CallerAudio
        return [event for event in self.events if not isinstance(event, sound)]

    def network(self) -> Any:
        """The caller's own socket."""
        transport = self.caller.connection.getSenders()[0].transport.transport
        (pair,) = transport._connection._nominated.values()
        return pair


@asynccontextmanager
async def meeting(
    ice: IceSettings = LOOPBACK, limits: Limits | None = None, caller: Caller | None = None
) -> AsyncIterator[Meeting]:
    dialect = BrowserDialect(Greeting("call", "test", "gateway"))
    leg = WebRtcLeg(dialect, pcm16(24_000), ice, "trunkline", limits=limits)
    met = Meeting(leg, caller or Caller())
    met.answer = await leg.answer(parse(await met.caller.offer()))
    await met.caller.take(met.answer)
    met.run = asyncio.create_task(leg.run(met.feed))
    try:
        async with asyncio.timeout(10):
            if met.caller.begins:
                await met.joined.wait()
        yield met
    finally:
        leg.close("the test is over")
        await met.run
        await met.caller.close()


@pytest.mark.parametrize(("package", "checked"), CHECKED.items())
def test_what_is_known_from_inside_was_checked_for_this_version(package: str, checked: str) -> None:
    assert version(package).startswith(checked + "."), (
        f"gateway/callers/webrtc/peer.py reaches into {package} {checked}; look it through for "
        f"{version(package)}, and then say so in CHECKED"
    )


async def test_calls_stay_within_the_ports_that_are_set_and_tell_the_public_address() -> None:
    ice = IceSettings(ports=(45_100, 45_119), public_address="203.0.113.7", loopback=True)
    async with meeting(ice) as met:
        found = [line.split() for line in met.answer.split("\r\n") if "candidate:" in line]
        ports = {int(words[5]) for words in found}
        assert ports
        assert ports <= {*range(45_100, 45_120)}
        hosts = {words[4] for words in found}
        assert "203.0.113.7" in hosts or hosts == {"127.0.0.1"}


async def test_a_server_that_does_not_answer_holds_up_no_call() -> None:
    silent = IceSettings(servers=("stun:127.0.0.1:9", "turn:127.0.0.1:9"), loopback=True)
    before = asyncio.get_running_loop().time()
    async with meeting(silent) as met:
        assert asyncio.get_running_loop().time() - before < 3
        assert "a=candidate" in met.answer


def test_names_for_turn_are_made_of_their_end_and_signed() -> None:
    ice = IceSettings(servers=("turn:t.example",), turn_secret=Private("key"), turn_seconds=600)
    made = credentials(ice, "page", now=1_000.9)
    assert made.username == "1600:page"
    signed = hmac.digest(b"key", b"1600:page", hashlib.sha1)
    assert base64.b64decode(made.password) == signed
    lasting = IceSettings(servers=("turn:t.example",), turn_user="u", turn_password=Private("p"))
    assert for_page(lasting, "page", 0)["iceServers"] == [
        {"urls": ["turn:t.example"], "username": "u", "credential": "p"}
    ]


@pytest.mark.parametrize("message", ["no json", '{"type": "start", "reports": true}', b"\0" * 3])
async def test_a_message_that_means_nothing_ends_the_call_with_its_reason(
    message: str | bytes,
) -> None:
    async with meeting() as met:
        met.caller.channel.send(message)
        assert await met.over() == [CallerLeft("broke its protocol")]
        assert (await met.caller.wait("error"))["message"].startswith("Expected")


async def test_a_message_that_is_too_large_ends_the_call() -> None:
    async with meeting(limits=Limits(message=1_000)) as met:
        met.caller.send("text", text="x" * 2_000)
        assert await met.over() == [CallerLeft("broke its protocol")]


async def test_a_caller_that_does_not_begin_is_told_so() -> None:
    caller = Caller(begins=False)
    async with meeting(limits=Limits(join=0.2), caller=caller) as met:
        assert await met.over() == [CallerLeft("did not begin the call")]
        assert "begin" in (await caller.wait("error"))["message"]


async def test_a_caller_that_vanishes_without_a_word_is_missed() -> None:
    async with meeting(limits=Limits(silent=1.0)) as met:
        met.network().protocol.transport.abort()
        assert await met.over() == [CallerLeft(BROKEN)]


async def test_a_caller_that_closes_its_connection_has_hung_up() -> None:
    async with meeting() as met:
        await met.caller.close()
        assert await met.over() == [CallerLeft("hung up")]


async def test_a_browser_cannot_be_put_through_and_notices_reach_it() -> None:
    async with meeting() as met:
        met.leg.send(Transfer("tel:+1"))
        met.leg.send(ShowNotice("code", "text"))
        await met.caller.wait("notice", code="code")
        assert [e.target for e in met.events if isinstance(e, TransferFailed)] == ["tel:+1"]


async def test_packets_of_strangers_and_other_channels_change_nothing() -> None:
    async with meeting() as met:
        other = met.caller.connection.createDataChannel("other")
        other.on("open", lambda: other.send(json.dumps({"type": "hangup"})))
        pair = met.network()
        for data in (b"\x80" * 40, b"\x80\xc8" * 20, b"\x16" * 40, b"x"):
            pair.protocol.transport.sendto(data, pair.remote_addr)
        met.caller.send("digit", digit="5")
        async with asyncio.timeout(5):
            while CallerDigit("5") not in met.events:
                await asyncio.sleep(0)
        assert met.run is not None
        assert not met.run.done()


def test_a_key_is_pressed_once_however_often_it_is_said() -> None:
    pressed: list[str] = []
    heard: list[bytes] = []
    ear = Ear(pcm16(24_000), 111, 110, heard.append, pressed.append)
    for number, (key, ended, at) in enumerate(
        [(1, 0, 960), (1, 128, 960), (1, 128, 960), (11, 128, 9_600), (99, 128, 19_200)]
    ):
        payload = bytes((key, ended | 10, 3, 192))
        ear.packet(rtp.pack(rtp.Packet(110, number, at, 7, payload)), number * 20_000)
    ear.packet(rtp.pack(rtp.Packet(0, 9, 960, 7, bytes(160))), 0)  # a codec that was not agreed on
    ear.packet(rtp.pack(rtp.Packet(111, 10, 960, 7, b"\xff\xff\xff")), 0)
    assert pressed == ["1", "#"]
    assert heard == []
