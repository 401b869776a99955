"""Deltas: pieces of the model's voice and words, so many that they have decoders of their own."""

from __future__ import annotations

from typing import Literal

import msgspec


class AudioDelta(msgspec.Struct, gc=False):
    """A piece of an item's sound."""

    type: Literal["response.output_audio.delta", "response.audio.delta"]
    item_id: str
    delta: bytes
    response_id: str = ""
    content_index: int = 0


class WordsDelta(msgspec.Struct, gc=False):
    """A piece of what that sound says."""

    type: Literal["response.output_audio_transcript.delta"]
    item_id: str
    delta: str
    response_id: str = ""


_AUDIO = msgspec.json.Decoder(AudioDelta)
_WORDS = msgspec.json.Decoder(WordsDelta)


def delta_of(message: bytes) -> AudioDelta | WordsDelta | None:
    """Such a piece; None where a message is anything else, if only by a field of a wrong kind."""
    try:
        if b'audio.delta"' in message:
            return _AUDIO.decode(message)
        if b'audio_transcript.delta"' in message:
            return _WORDS.decode(message)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass  # another message that mentions it, or sound that is none
    return None
