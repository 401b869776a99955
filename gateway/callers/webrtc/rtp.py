"""RTP and RTCP as bytes, RFC 3550: headers, sender and receiver reports, and what they tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE = 200, 201, 202, 203
NTP_EPOCH = 2_208_988_800  # seconds from 1900, where NTP begins, to 1970

_HEADER = struct.Struct("!BBHII")
_BLOCK = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class Packet:
    """What of a received packet is used."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """How one stream arrives at the far end. Jitter in units of the stream's clock."""

    ssrc: int
    fraction_lost: int  # of 256
    lost: int
    highest: int
    jitter: int
    last_report: int  # middle bits of the sender report it answers, or 0
    delay: int  # since that came, in 1/65536 s


@dataclass(frozen=True, slots=True)
class Report:
    """A sender's or a receiver's report; `sent_at` is the sender's clock, middle bits, or 0."""

    ssrc: int
    sent_at: int
    blocks: tuple[Block, ...]


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram is RTCP where both share a port: RFC 5761, section 4."""
    return len(data) > 1 and 192 <= data[1] <= 223


def unpack(data: bytes) -> Packet | None:
    """The packet, or None where it is none."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = 12 + 4 * (first & 15), len(data)
    if first & 16:  # a header extension
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 32:  # padding
        end -= data[-1]
    if end < start:
        return None
    return Packet(
        second & 127, sequence, timestamp, ssrc, data[start:end], marker=bool(second & 128)
    )


def pack(packet: Packet) -> bytes:
    """The packet as bytes."""
    second = packet.payload_type | (128 if packet.marker else 0)
    header = _HEADER.pack(128, second, packet.sequence, packet.timestamp, packet.ssrc)
    return header + packet.payload


def sender_report(
    ssrc: int, ntp: int, timestamp: int, packets: int, octets: int, blocks: tuple[Block, ...]
) -> bytes:
    """What was sent until now, and how the far end's streams arrive. `ntp`: 64 bits."""
    sent = struct.pack("!IQIII", ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _rtcp(SENDER_REPORT, len(blocks), sent + b"".join(map(_pack_block, blocks)))


def receiver_report(ssrc: int, blocks: tuple[Block, ...]) -> bytes:
    """How the far end's streams arrive at one that sends nothing."""
    return _rtcp(
        RECEIVER_REPORT, len(blocks), struct.pack("!I", ssrc) + b"".join(map(_pack_block, blocks))
    )


def description(ssrc: int, name: str) -> bytes:
    """The canonical name that belongs into each compound packet."""
    item = struct.pack("!IBB", ssrc, 1, len(name)) + name.encode("ascii")
    return _rtcp(DESCRIPTION, 1, item + bytes(4 - len(item) % 4))


def bye(ssrc: int) -> bytes:
    """The stream is over."""
    return _rtcp(BYE, 1, struct.pack("!I", ssrc))


def reports(data: bytes) -> Iterator[Report]:
    """The reports in a compound packet; what cannot be read is passed over."""
    while len(data) >= 8 and data[0] >> 6 == 2:
        size = 4 + 4 * int.from_bytes(data[2:4], "big")
        kind, count, body = data[1], data[0] & 31, data[4:size]
        data = data[size:]
        if kind == SENDER_REPORT and len(body) >= 24 + _BLOCK.size * count:
            (ntp,) = struct.unpack_from("!Q", body, 4)
            yield Report(_ssrc(body), middle(ntp), _blocks(body, 24, count))
        elif kind == RECEIVER_REPORT and len(body) >= 4 + _BLOCK.size * count:
            yield Report(_ssrc(body), 0, _blocks(body, 4, count))


def ntp_time(unix: float) -> int:
    """A time of day as NTP's 64 bits."""
    return round((unix + NTP_EPOCH) * 2**32)


def middle(ntp: int) -> int:
    """The 32 bits of an NTP time that reports quote."""
    return (ntp >> 16) & 0xFFFFFFFF


def newer(sequence: int, than: int, bits: int = 16) -> bool:
    """Whether one number comes after another, where they wrap around."""
    return 0 < (sequence - than) % (1 << bits) < 1 << (bits - 1)


def _rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 128 | count, kind, len(body) // 4) + body


def _pack_block(block: Block) -> bytes:
    lost = max(-(1 << 23), min(block.lost, (1 << 23) - 1)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest & 0xFFFFFFFF,
        block.jitter & 0xFFFFFFFF,
        block.last_report,
        block.delay & 0xFFFFFFFF,
    )


def _blocks(body: bytes, start: int, count: int) -> tuple[Block, ...]:
    return tuple(_block(body, start + _BLOCK.size * number) for number in range(count))


def _block(body: bytes, start: int) -> Block:
    ssrc, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, start)
    lost = losses & 0xFFFFFF
    signed = lost - (1 << 24) if lost & 0x800000 else lost
    return Block(ssrc, losses >> 24, signed, highest, jitter, last_report, delay)


def _ssrc(body: bytes) -> int:
    return int.from_bytes(body[:4], "big")
