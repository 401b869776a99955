"""What can be known of a picture from its first bytes: its kind and its size."""

from __future__ import annotations

import struct


def dimensions(raw: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, WebP or JPEG, from its head."""
    if raw.startswith(b"\x89PNG\r\n\x1a\n") and len(raw) >= 24:
        width, height = struct.unpack(">II", raw[16:24])
        return width, height
    if raw.startswith((b"GIF87a", b"GIF89a")) and len(raw) >= 10:
        width, height = struct.unpack("<HH", raw[6:10])
        return width, height
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return _webp(raw)
    return _jpeg(raw) if raw.startswith(b"\xff\xd8") else None


def described(media_type: str, raw: bytes) -> str:
    """In words: image/png, 640 by 480 pixels."""
    size = dimensions(raw)
    return (
        f"{media_type}, {size[0]} by {size[1]} pixels"
        if size
        else f"{media_type}, {len(raw)} bytes"
    )


def _webp(raw: bytes) -> tuple[int, int] | None:
    """From whichever of its three kinds of first chunk there is."""
    kind = raw[12:16]
    if kind == b"VP8X" and len(raw) >= 30:
        return int.from_bytes(raw[24:27], "little") + 1, int.from_bytes(raw[27:30], "little") + 1
    if kind == b"VP8L" and len(raw) >= 25:
        bits = int.from_bytes(raw[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(raw) >= 30:
        width, height = struct.unpack("<HH", raw[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(raw: bytes) -> tuple[int, int] | None:
    """From the first frame header, one segment after the other."""
    at = 2
    while at + 9 <= len(raw) and raw[at] == 0xFF:
        kind, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", raw[at + 5 : at + 9])
            return width, height
        at += 2 + max(length, 2)
    return None
