"""RTP and RTCP as bytes."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket

from gateway.callers.webrtc import rtp
from gateway.callers.webrtc.ear import Reception
from gateway.callers.webrtc.rtp import Block, Packet, Report

BLOCK = Block(7, 25, -3, 70_000, 480, 0x12345678, 65_536)


def test_a_packet_survives_the_way() -> None:
    packet = Packet(111, 65_535, 2**32 - 1, 42, b"sound", marker=True)
    assert rtp.unpack(rtp.pack(packet)) == packet


def test_contributors_extension_and_padding_are_passed_over() -> None:
    header = struct.pack("!BBHII", 0x80 | 32 | 16 | 1, 111, 5, 6, 7)
    data = header + bytes(4) + b"\xbe\xde\0\1abcd" + b"sound" + b"\0\0\3"
    packet = rtp.unpack(data)
    assert packet is not None
    assert packet.payload == b"sound"


@pytest.mark.parametrize(
    "data", [b"", b"\x80", bytes(20), b"\x90" + bytes(11), b"\xa0" + bytes(10) + b"\xff"]
)
def test_what_is_no_packet_is_none(data: bytes) -> None:
    assert rtp.unpack(data) is None


def test_another_implementation_reads_our_reports() -> None:
    sent = rtp.sender_report(42, rtp.ntp_time(1_000.5), 960, 3, 99, (BLOCK,))
    first, second = RtcpPacket.parse(sent + rtp.description(42, "name"))
    assert isinstance(first, RtcpSrPacket)
    assert isinstance(second, RtcpSdesPacket)
    assert first.sender_info.packet_count == 3
    assert first.reports[0].packets_lost == -3
    assert first.reports[0].jitter == 480
    (third,) = RtcpPacket.parse(rtp.receiver_report(42, (BLOCK,)))
    assert isinstance(third, RtcpRrPacket)


def test_our_reports_are_read_and_cut_ones_passed_over() -> None:
    sent = rtp.sender_report(42, rtp.ntp_time(1_000.5), 960, 3, 99, (BLOCK,))
    middle = rtp.middle(rtp.ntp_time(1_000.5))
    assert list(rtp.reports(sent)) == [Report(42, middle, (BLOCK,))]
    assert list(rtp.reports(rtp.receiver_report(1, (BLOCK,)))) == [Report(1, 0, (BLOCK,))]
    assert [list(rtp.reports(sent[:size])) for size in (3, 9, 30)] == [[], [], []]


def test_losses_and_jitter_are_told_as_the_rfc_counts_them() -> None:
    seen = Reception()
    assert seen.blocks(0) == ()
    for number in range(100):
        if number % 4:
            late = 5_000 if number % 2 else 0
            packet = Packet(111, (65_500 + number) % 65_536, 960 * number, 7, b"")
            seen.note(packet, 20_000 * number + late)
    (block,) = seen.blocks(0)
    assert block.lost == 24  # the first that was missing cannot be known
    assert block.fraction_lost == 24 * 256 // 99
    assert block.highest == 65_599
    assert 100 < block.jitter < 240
    seen.quote(Report(7, 99, ()), 1_000_000)
    assert seen.blocks(1_500_000)[0].last_report == 99
    assert seen.blocks(1_500_000)[0].delay == 32_768
