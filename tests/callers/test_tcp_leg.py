"""A caller's leg over real TCP streams: its frames in time, its ends, and peers that misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any

import pytest

from audio.format import pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.line import LineError
from gateway.callers.tcp import BURST, TcpLimits
from gateway.errors import WireError
from tests.callers.peers.audiosocket import WORD, frame
from tests.callers.tcp_door import SPEECH, WHO, opened, over, rest


@pytest.mark.virtual_clock
async def test_exactly_one_frame_is_written_in_20_ms_speech_or_silence() -> None:
    async with opened() as door:
        link, served = await door.joined()
        loop = asyncio.get_running_loop()
        began = loop.time()
        served.leg.send(to.Play("a", SPEECH * 30, 0, 0))
        frames, times = [], []
        for _ in range(500):
            frames.append(await link.recv())
            times.append(loop.time())
        assert frames == [frame(0x10, SPEECH)] * 30 + [frame(0x10, bytes(320))] * 470
        assert all(abs(at - began - 0.02 * n) < 0.001 for n, at in enumerate(times, start=1))
        assert served.leg.paced.written == 501
        assert (served.leg.paced.caught_up, served.leg.paced.skipped) == (0, 0)
        await link.close()
        assert await over(served) == ["hung up"]


@pytest.mark.virtual_clock
async def test_a_busy_loop_is_caught_up_with_in_bursts_that_are_bounded() -> None:
    async with opened() as door:
        link, served = await door.joined()
        loop = asyncio.get_running_loop()
        began = loop.time()
        served.leg.send(to.Play("a", SPEECH * 100, 0, 0))
        for late in (0.065, 0.045, 0.5, 0.021):
            for _ in range(10):
                await link.recv()
            loop._virtual.now += late  # type: ignore[attr-defined]
        paced = served.leg.paced
        received = 40
        while loop.time() - began < 2:
            await link.recv()
            received += 1
        lost = round(0.5 / 0.02) - BURST
        assert received == pytest.approx((loop.time() - began) * 50 - lost, abs=1.01)
        assert paced.skipped == pytest.approx(lost, abs=1)
        assert 3 <= paced.caught_up <= 12
        heard = served.of_kind(of.CallerPlayed)[-1]
        assert heard.samples <= received * 160  # never more than was written
        assert received * 160 - heard.samples <= 7 * 160
        await link.close()


@pytest.mark.virtual_clock
async def test_a_flush_takes_back_all_but_what_was_written() -> None:
    async with opened() as door:
        link, served = await door.joined()
        served.leg.send(to.Play("a", SPEECH * 100, 0, 0))
        for _ in range(11):
            assert await link.recv() == frame(0x10, SPEECH)
        served.leg.send(to.Flush(1))
        served.leg.send(to.Play("b", b"\2\0" * 160, 0, 1))
        assert await link.recv() == frame(0x10, b"\2\0" * 160)
        assert await link.recv() == frame(0x10, bytes(320))
        assert served.of_kind(of.CallerPlayed) == [
            of.CallerPlayed("a", 80, 0),
            of.CallerPlayed("a", 880, 0),
            of.CallerPlayed("a", 1680, 0),
            of.CallerPlayed("b", 80, 1),
            of.CallerPlayed("b", 160, 1),
        ]
        await link.close()


@pytest.mark.virtual_clock
async def test_a_call_at_another_rate_is_converted_and_its_positions_too() -> None:
    async with opened(pcm16(24_000)) as door:
        link, served = await door.dial(WHO, frame(0x16, b"\1\0" * 960))
        await link.recv()
        served.leg.send(to.Play("a", b"\1\0" * 4_800, 0, 0))
        frames = [await link.recv() for _ in range(14)]
        assert {(message[0], len(message)) for message in frames} == {(0x16, 3 + 1920)}
        heard = served.of_kind(of.CallerPlayed)
        assert heard[-1] == of.CallerPlayed("a", 4_800, 0)
        await link.close()


@pytest.mark.virtual_clock
@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([b""], "hung up"),
        ([b"\x10"], "line broke"),
        ([b"\x10\x01\x40" + bytes(100)], "line broke"),
        ([frame(0x00, b"")], "hung up"),
        ([WHO], "broke its protocol"),
        ([frame(0x03, b"12")], "broke its protocol"),
    ],
)
async def test_whatever_ends_a_call_ends_it_once(messages: list[bytes], reason: str) -> None:
    async with opened() as door:
        link, served = await door.joined()
        for message in messages:
            await link.send(message)
        if reason != "broke its protocol":
            await link.close()
            assert await over(served) == [reason]
        else:
            assert (await rest(link))[-1] == b"\0\0\0"
            assert await over(served) == [reason]


@pytest.mark.virtual_clock
@pytest.mark.parametrize(
    "message",
    [frame(0x10, bytes(320)), frame(0x01, b"short"), frame(0x03, b"1"), frame(0x12, b"\0")],
)
async def test_who_does_not_say_first_who_calls_is_sent_away(message: bytes) -> None:
    async with opened() as door:
        link, served = await door.dial(message)
        assert await rest(link) == [b"\0\0\0"]
        assert not await over(served)
        assert served.leg.why.startswith("Expected")


@pytest.mark.virtual_clock
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x01\x00\x10half"])
async def test_who_does_not_begin_is_sent_away_in_time(said: bytes) -> None:
    async with opened(limits=TcpLimits(start=2.0)) as door:
        link, served = await door.dial(said)
        began = asyncio.get_running_loop().time()
        assert await rest(link) == [b"\0\0\0"]
        assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.1)
        assert not await over(served)
        assert "begin within 2 s" in served.leg.why


@pytest.mark.virtual_clock
async def test_who_leaves_before_the_beginning_is_gone() -> None:
    async with opened() as door:
        link, served = await door.dial()
        await link.close()
        assert not await over(served)
        assert served.leg.why == "hung up"


@pytest.mark.virtual_clock
async def test_a_line_without_sound_is_taken_for_8_khz_after_a_moment() -> None:
    async with opened() as door:
        link, served = await door.dial(WHO)
        assert await link.recv() == frame(0x10, bytes(320))
        await link.send(frame(0x12, b"\1\0" * 320))
        await link.send(frame(0x10, b"\2\0" * 160))
        await link.recv()
        sound = served.of_kind(of.CallerAudio)
        assert [len(one.pcm) for one in sound][-1] == 320
        assert 2 * 100 < len(sound[0].pcm) <= 320
        await link.close()


@pytest.mark.virtual_clock
async def test_close_says_farewell_drops_what_waits_and_feeds_nothing() -> None:
    async with opened() as door:
        link, served = await door.joined()
        served.leg.send(to.Play("a", SPEECH * 50, 0, 0))
        await link.recv()
        served.leg.close("the assistant hung up")
        served.leg.close("again")
        served.leg.send(to.Play("b", SPEECH, 0, 0))
        assert await rest(link) == [b"\0\0\0"]
        assert await over(served) == []


@pytest.mark.virtual_clock
async def test_a_peer_that_does_not_close_after_us_is_cut_off() -> None:
    async with opened() as door:
        link, served = await door.joined()
        served.leg.close("done")
        began = asyncio.get_running_loop().time()
        assert await over(served) == []
        assert asyncio.get_running_loop().time() - began == pytest.approx(2, abs=0.1)
        await link.close()


class Line:
    """Puts callers through, or not; notes what it was asked."""

    def __init__(self, able: bool) -> None:
        self.able, self.asked = able, Counter[str]()

    async def transfer(self, target: str) -> None:
        self.asked[f"transfer {target}"] += 1
        if not self.able:
            raise LineError("no such person")

    async def hang_up(self, reason: str) -> None:
        self.asked[f"hang up: {reason}"] += 1
        if not self.able:
            raise LineError("the provider cannot be reached")


@pytest.mark.virtual_clock
async def test_a_transfer_ends_the_line_where_it_can_be_done() -> None:
    async with opened() as door:
        link, served = await door.joined()
        served.leg.send(to.Transfer("agent"))
        await link.recv()
        told = "this line cannot put callers through"
        assert served.fed[-1] == of.TransferFailed("agent", told)
        served.leg.line = unable = Line(able=False)
        served.leg.send(to.Transfer("agent"))
        await link.recv()
        assert served.fed[-1] == of.TransferFailed("agent", "no such person")
        served.leg.line = able = Line(able=True)
        served.leg.send(to.Transfer("agent"))
        assert (await rest(link))[-1] == b"\0\0\0"
        assert await over(served) == ["transferred to agent"]
        assert unable.asked == able.asked == {"transfer agent": 1}


@pytest.mark.virtual_clock
async def test_the_line_is_told_when_we_hang_up_and_not_when_the_caller_does() -> None:
    async with opened() as door:
        for ours in (True, False):
            link, served = await door.joined()
            served.leg.line = line = Line(able=not ours)
            if ours:
                served.leg.close("done")
                assert (await rest(link))[-1] == b"\0\0\0"  # although the line failed
            await link.close()
            await over(served)
            assert line.asked == ({"hang up: done": 1} if ours else {})


@pytest.mark.virtual_clock
@pytest.mark.parametrize("patient", [True, False])
async def test_a_peer_that_does_not_read_is_sent_no_more_and_then_given_up(patient: bool) -> None:
    limits = TcpLimits(blocked=1_000.0 if patient else 8.0, send_buffer=2_048)
    async with opened(limits=limits) as door:
        link, served = await door.joined()
        own: socket.socket = link.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        transport: Any = link.writer.transport
        transport.pause_reading()
        served.leg.send(to.Play("a", SPEECH * 50_000, 0, 0))
        if not patient:
            assert await over(served) == ["does not read"]
            await link.close()
            return
        async with asyncio.timeout(300):
            while not served.leg.paced.skipped:
                await asyncio.sleep(0.1)
        transport.resume_reading()
        for _ in range(served.leg.paced.written + 20):
            assert await link.recv() == frame(0x10, SPEECH)  # nothing is lost, only late
        await link.close()
        assert await over(served) == ["hung up"]


@pytest.mark.virtual_clock
async def test_a_fault_ends_the_leg_that_has_it_and_no_other() -> None:
    async with opened() as door:
        link, served = await door.joined()
        other, _ = await door.joined()

        def faulty(event: of.Event) -> None:
            raise ZeroDivisionError(str(event))

        served.leg._feed = faulty
        await link.send(frame(0x03, b"1"))
        assert (await rest(link))[-1] == b"\0\0\0"
        assert served.task is not None
        with pytest.raises(ZeroDivisionError):
            await served.task
        for _ in range(20):
            await other.recv()
        await other.close()


@pytest.mark.virtual_clock
async def test_a_refused_caller_hears_nothing_but_the_farewell() -> None:
    async with opened() as door:
        link, served = await door.dial(WHO)
        await served.leg.answer()
        await served.leg.refuse(WireError("busy"))
        assert await rest(link) == [b"\0\0\0"]


@pytest.mark.virtual_clock
async def test_who_is_known_from_elsewhere_is_introduced() -> None:
    async with opened() as door:
        link, served = await door.dial(WHO)
        joined = await served.leg.answer()
        assert joined == of.CallerJoined(reports_playback=True, metadata={"ticket": WORD})
        served.leg.introduce(of.CallerJoined("+15550100", True))
        await link.recv()
        assert served.fed == [of.CallerJoined("+15550100", True)]
        await link.close()


@pytest.mark.virtual_clock
async def test_a_cancelled_leg_leaves_nothing_behind() -> None:
    async with opened() as door:
        link, served = await door.joined()
        assert served.task is not None
        served.task.cancel()
        await asyncio.wait([served.task])
        assert not await rest(link)
        assert not served.of_kind(of.CallerLeft)
