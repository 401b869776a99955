"""The assistant's voice on its clock, heard where its packets are and no sooner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from audio.floats import rms_dbfs
from audio.format import pcm16
from audio.opus import OpusDecoder
from audio.tone import sine
from gateway.call.effects import Play
from gateway.callers.webrtc.rtp import Block, Packet, unpack
from gateway.callers.webrtc.speaker import PLAYER, TAIL, Speaker, Stream

RATE = 24_000


@dataclass
class FarEnd:
    """What reaches the caller, and when."""

    rate: int = RATE
    packets: list[tuple[float, Packet]] = field(default_factory=list)
    heard: list[tuple[float, str, int]] = field(default_factory=list)
    playout: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        stream = Stream(42, 111, self._arrive)
        self.speaker = Speaker(
            pcm16(self.rate),
            stream,
            lambda item, samples, _: self.heard.append((self.now(), item, samples)),
            lambda what, item: self.playout.append((self.now(), what, item)),
        )
        self.began = self.loop.time()

    def now(self) -> float:
        return round(self.loop.time() - self.began, 6)

    def _arrive(self, data: bytes) -> None:
        packet = unpack(data)
        assert packet is not None
        self.packets.append((self.now(), packet))

    def play(self, item: str, seconds: float, position: int = 0, generation: int = 0) -> None:
        self.speaker.play(Play(item, sine(300, seconds, self.rate), position, generation))

    def loud(self) -> list[bool]:
        decoder = OpusDecoder(RATE)
        return [rms_dbfs(decoder.decode(packet.payload)) > -40 for _, packet in self.packets]


@pytest.mark.virtual_clock
async def test_packets_leave_every_20_ms_and_silence_almost_ends_them() -> None:
    far = FarEnd()
    far.play("one", 0.2)
    await asyncio.sleep(3)
    far.speaker.close()
    times = [at for at, _ in far.packets]
    assert times[:20] == [pytest.approx(0.02 * n, abs=0.001) for n in range(20)]
    assert len(far.packets) < 10 + TAIL + 10
    assert sum(far.loud()) in (10, 11)  # the last of the sound rings out in the next packet


@pytest.mark.virtual_clock
async def test_timestamps_follow_time_over_a_pause() -> None:
    far = FarEnd()
    far.play("one", 0.04)
    await asyncio.sleep(10)
    far.play("two", 0.04)
    await asyncio.sleep(0.1)
    far.speaker.close()
    (first_at, first), *_ = far.packets
    at, packet = next((at, packet) for at, packet in far.packets if at >= 10)
    assert packet.marker
    assert abs((packet.timestamp - first.timestamp) % 2**32 - (at - first_at) * 48_000) <= 960
    numbers = [packet.sequence for _, packet in far.packets]
    assert numbers == [(numbers[0] + n) % 2**16 for n in range(len(numbers))]


@pytest.mark.virtual_clock
async def test_what_was_sent_is_heard_after_its_way_and_the_players_buffer() -> None:
    far = FarEnd()
    far.play("one", 0.5)
    await asyncio.sleep(1)
    far.speaker.close()
    assert far.heard[0] == (PLAYER, "one", 0)
    for at, item, samples in far.heard:
        assert item == "one"
        assert samples / RATE == pytest.approx(at - PLAYER, abs=0.021)
    assert far.heard[-1][2] == RATE // 2
    assert [what for _, what, _ in far.playout] == ["started", "stopped"]
    assert far.playout[1][0] == pytest.approx(0.5 + PLAYER, abs=0.03)


@pytest.mark.virtual_clock
async def test_a_long_way_and_jitter_delay_the_ear() -> None:
    far = FarEnd()
    far.speaker.far_end(Block(42, 0, 0, 0, 480, 1, 0), 0.2)
    far.play("one", 0.5)
    await asyncio.sleep(1)
    far.speaker.close()
    delay = PLAYER + 0.1 + 0.02
    assert far.heard[0][0] >= delay
    assert far.playout[1][0] == pytest.approx(0.5 + delay, abs=0.03)


@pytest.mark.virtual_clock
async def test_a_flush_takes_back_all_that_was_not_sent() -> None:
    far = FarEnd()
    far.play("one", 2.0)
    await asyncio.sleep(0.5)
    far.speaker.flush()
    far.play("two", 0.1, generation=1)
    await asyncio.sleep(1)
    far.speaker.close()
    assert far.playout[1][1:] == ("cleared", "one")
    assert max(samples for _, item, samples in far.heard if item == "one") <= RATE // 2
    assert [what for _, what, _ in far.playout[2:]] == ["started", "stopped"]
    assert sum(far.loud()) <= 25 + 6 + 2


@pytest.mark.virtual_clock
async def test_items_follow_each_other_without_a_gap_and_each_is_reported_whole() -> None:
    far = FarEnd()
    far.play("one", 0.11)
    far.play("two", 0.11)
    await asyncio.sleep(1)
    far.speaker.close()
    assert [samples for _, item, samples in far.heard if item == "one"][-1] == 2_640
    assert [samples for _, item, samples in far.heard if item == "two"][-1] == 2_640
    assert sum(far.loud()) in (11, 12)


@pytest.mark.virtual_clock
async def test_a_call_at_another_rate_is_converted() -> None:
    far = FarEnd(rate=44_100)
    far.play("one", 0.5)
    await asyncio.sleep(1)
    far.speaker.close()
    assert far.heard[-1][2] == 22_050
    assert sum(far.loud()) in range(24, 27)


@pytest.mark.virtual_clock
async def test_where_packets_get_lost_each_carries_a_copy_of_the_last() -> None:
    sizes = {}
    for lost in (0, 50):
        far = FarEnd()
        far.speaker.far_end(Block(42, lost, 0, 0, 0, 1, 0), 0.02)
        far.play("one", 0.4)
        await asyncio.sleep(0.5)
        far.speaker.close()
        sizes[lost] = {packet.payload[0] >> 3 for _, packet in far.packets[2:15]}
    assert max(sizes[50]) < 16 <= min(sizes[0])  # SILK and hybrid modes have numbers below 16
