"""G.711: PCM16 to and from mu-law and A-law, one byte a sample, in C on every Python.

Follows ITU-T G.711 with the code words as they go on the wire (mu-law inverted, A-law with its
even bits toggled). The standard takes 14 bits of a sample for mu-law and 13 for A-law; the lower
bits of PCM16 are dropped.
"""

from __future__ import annotations

from audio.pcm import BYTES, audioop, samples

ULAW_SILENCE = b"\xff"
ALAW_SILENCE = b"\xd5"


def ulaw_encode(pcm: bytes) -> bytes:
    """PCM16 as mu-law."""
    samples(pcm)
    return audioop.lin2ulaw(pcm, BYTES)


def ulaw_decode(data: bytes) -> bytes:
    """Mu-law as PCM16."""
    return audioop.ulaw2lin(data, BYTES)


def alaw_encode(pcm: bytes) -> bytes:
    """PCM16 as A-law."""
    samples(pcm)
    return audioop.lin2alaw(pcm, BYTES)


def alaw_decode(data: bytes) -> bytes:
    """A-law as PCM16."""
    return audioop.alaw2lin(data, BYTES)
