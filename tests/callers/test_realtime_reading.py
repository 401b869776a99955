"""Reading what a Realtime client sends: the short way to its sound says what the long one says."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.callers.realtime.reading import sound_of
from gateway.protocol.wire import MAX_EVENT_ID, PIECE, Refused, from_base64

APPEND = "input_audio_buffer.append"
HEAD = f'{{"type":"{APPEND}","audio":'


def append(audio: object, **more: object) -> str:
    """The event as a client writes it."""
    return json.dumps({"type": APPEND, "audio": audio, **more})


def test_the_sound_of_an_append_is_found_in_any_order_and_with_a_name() -> None:
    sound = bytes(range(256)) * 4
    coded = b64encode(sound).decode()
    assert sound_of(append(coded)) == sound
    assert sound_of(append(coded, event_id="event_1").encode()) == sound
    assert sound_of(json.dumps({"audio": coded, "event_id": None, "type": APPEND})) == sound
    assert sound_of(append(coded).replace("/", "\\/")) == sound  # as some languages write it
    assert sound_of(append("")) == b""


@settings(max_examples=100)
@given(st.text("AZaz09+/=-_ \u00e4", max_size=12))
def test_what_is_no_base64_is_left_to_whoever_refuses_it(audio: str) -> None:
    try:
        expected = from_base64(audio, "audio")
    except Refused:
        assert sound_of(append(audio)) is None
    else:
        assert sound_of(append(audio)) == expected


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"input_audio_buffer.commit"}',
        '{"type":"session.update","session":{}}',
        '{"audio":"AAAA"}',
        append(None),
        append(5),
        append(["AAAA"]),
        append("AAAA", event_id=7),
        append("AAAA", event_id="x" * (MAX_EVENT_ID + 1)),
        append("AAAA", more=1),
        append("A" * PIECE),
        HEAD + '"AAAA"',
        HEAD + '"AAAA"} ]',
        HEAD + '"AAAA\ud800"}',
        HEAD + '"AAAA","deep":' + "[" * 9000 + "]" * 9000 + "}",
        b'\xff{"type"',
        "",
        "[]",
    ],
    ids=lambda message: str(message)[:24],
)
def test_anything_but_a_usual_append_is_left_to_the_long_way(message: str | bytes) -> None:
    assert sound_of(message) is None
