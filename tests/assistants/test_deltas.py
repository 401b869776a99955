"""Pieces of voice and words are read by decoders of their own, and nothing else is."""

from __future__ import annotations

import pytest

from audio.format import Format
from gateway.assistants.deltas import AudioDelta, WordsDelta, delta_of
from gateway.assistants.realtime import Realtime
from gateway.call.events import AssistantWords

AUDIO, WORDS = b"response.output_audio.delta", b"response.output_audio_transcript.delta"
PIECE = b'{"type":"%b","item_id":"i","response_id":"r","delta":"%b"}'


def test_pieces_of_sound_and_of_words_are_known() -> None:
    heard = delta_of(PIECE % (AUDIO, b"AQI="))
    said = delta_of(PIECE % (WORDS, b"Hi"))
    assert isinstance(heard, AudioDelta)
    assert (heard.response_id, heard.item_id, heard.delta) == ("r", "i", b"\x01\x02")
    assert isinstance(said, WordsDelta)
    assert (said.response_id, said.item_id, said.delta) == ("r", "i", "Hi")


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":"response.output_audio_transcript.delta","item_id":1,"delta":"Hi"}',
        b'{"type":"response.output_audio_transcript.delta","item_id":"i","delta":"\\ud83d"}',
        b'{"type":"response.output_audio.delta","item_id":"i","delta":"no base64!"}',
        b'{"type":"error","said":"response.output_audio_transcript.delta"}',
        b'{"type":"response.done"}',
        b'"audio.delta"',
        b'{"type":"response.output_audio.delta","x":' + b"[" * 100_000,
    ],
    ids=["item", "half", "base64", "mention", "other", "string", "deep"],
)
def test_what_is_no_such_piece_is_left_to_others(message: bytes) -> None:
    assert delta_of(message) is None


@pytest.mark.parametrize("delta", ["Hi", "\\ud83d"], ids=["whole", "half"])
def test_words_mean_the_same_by_either_way(delta: str) -> None:
    dialect = Realtime(Format("pcmu", 8_000))
    message = PIECE % (WORDS, delta.encode())
    words = "?" if delta != "Hi" else delta
    assert dialect.decode(message) == [AssistantWords("r", "i", words)]
