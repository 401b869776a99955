"""Telnyx' stream as a dialect: its messages, their order, its codecs, its token."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from audio.format import Format, pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.carrier import SLICE_US
from gateway.callers.telnyx_stream import TelnyxDialect
from gateway.errors import WireError

ULAW = Format("pcmu", 8000)
CONNECTED = {"event": "connected", "version": "1.0.0"}
START: dict[str, Any] = {
    "event": "start",
    "sequence_number": "1",
    "stream_id": "5A1E",
    "start": {
        "user_id": "u1",
        "call_control_id": "v3:abc",
        "call_session_id": "s1",
        "from": "+15550100",
        "to": "+15550101",
        "tags": [],
        "client_state": "eyJ0IjoxfQ==",
        "custom_parameters": {"tenant": "acme"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    },
}


def media(chunk: int | str, audio: bytes, track: str = "inbound") -> dict[str, Any]:
    about = {"track": track, "chunk": str(chunk), "timestamp": "5"}
    payload = base64.b64encode(audio).decode()
    return {"event": "media", "sequence_number": "4", "media": {**about, "payload": payload}}


def start(encoding: str, rate: int) -> dict[str, Any]:
    form = {"encoding": encoding, "sample_rate": rate, "channels": 1}
    return {**START, "start": {**START["start"], "media_format": form}}


def heard(dialect: TelnyxDialect, *messages: Any) -> list[Any]:
    return [fact for message in messages for fact in dialect.decode(json.dumps(message))]


def said(dialect: TelnyxDialect, *effects: to.ToCaller) -> list[Any]:
    return [
        json.loads(message) for effect in effects for message in dialect.encode(effect) if message
    ]


def joined(form: Format = ULAW, first: dict[str, Any] = START) -> TelnyxDialect:
    dialect = TelnyxDialect(form)
    assert isinstance(heard(dialect, CONNECTED, first)[0], of.CallerJoined)
    return dialect


def test_the_start_says_who_calls() -> None:
    dialect = TelnyxDialect(ULAW)
    known = {"tenant": "acme", "call_control_id": "v3:abc", "call_session_id": "s1"}
    assert heard(dialect, CONNECTED, START) == [
        of.CallerJoined("+15550100", True, "+15550101", known)
    ]
    assert dialect.call_id == "v3:abc"


def test_chunks_are_put_in_order_and_the_outbound_track_is_not_the_caller() -> None:
    dialect = joined()
    facts = heard(
        dialect,
        media(1, b"a" * 160),
        media(3, b"c" * 160),
        media(1, b"x" * 160, "outbound"),
        media(2, b"b" * 160),
    )
    assert facts == [of.CallerAudio(letter * 160) for letter in (b"a", b"b", b"c")]


def test_a_lost_chunk_does_not_stall_and_stop_brings_the_rest() -> None:
    dialect = joined()
    facts = heard(dialect, media(1, b"a"), *(media(chunk, b"c") for chunk in range(3, 9)))
    assert len(facts) == 7
    assert heard(dialect, media(11, b"z"), {"event": "stop", "stop": {"user_id": "u1"}}) == [
        of.CallerAudio(b"z"),
        of.CallerLeft("hung up"),
    ]


def test_keys_marks_and_what_is_unknown() -> None:
    dialect = joined()
    assert heard(dialect, {"event": "dtmf", "dtmf": {"digit": "#"}}) == [of.CallerDigit("#")]
    assert heard(dialect, {"event": "dtmf", "dtmf": {"digit": "flash"}}) == []
    assert heard(dialect, {"event": "mark", "mark": {"name": "not ours"}}) == []
    assert heard(dialect, {"event": "novel", "sequence_number": 4}) == []
    broken = {"code": "100003", "title": "malformed_frame", "detail": "..."}
    assert heard(dialect, {"event": "error", "error": broken}) == []


def test_sound_goes_out_in_slices_each_with_its_mark() -> None:
    dialect = joined()
    slice_bytes = 8000 * SLICE_US // 1_000_000
    out = said(dialect, to.Play("a", b"\x11" * (slice_bytes + 400), 0, 0))
    assert [message["event"] for message in out] == ["mark", "media", "mark", "media", "mark"]
    assert base64.b64decode(out[1]["media"]["payload"]) == b"\x11" * slice_bytes
    assert set(out[1]) == {"event", "media"}
    echoes = [heard(dialect, message)[0] for message in out if message["event"] == "mark"]
    assert [echo.samples for echo in echoes] == [0, slice_bytes, slice_bytes + 400]


def test_no_message_is_shorter_than_20_ms() -> None:
    dialect = joined()
    slice_bytes = 8000 * SLICE_US // 1_000_000
    out = said(dialect, to.Play("a", b"\x11" * (slice_bytes + 3), 0, 0))
    payloads = [base64.b64decode(m["media"]["payload"]) for m in out if m["event"] == "media"]
    assert [len(payload) for payload in payloads] == [slice_bytes + 3]
    tail = said(dialect, to.Play("a", b"\x11" * 5, slice_bytes + 3, 0))
    assert base64.b64decode(tail[0]["media"]["payload"]) == b"\x11" * 5 + b"\xff" * 155
    assert heard(dialect, tail[1]) == [of.CallerPlayed("a", slice_bytes + 8, 0)]


def test_marks_that_a_clear_sends_back_were_not_heard() -> None:
    dialect = joined()
    out = said(dialect, to.Play("a", b"\x11" * 1600, 0, 0))
    assert said(dialect, to.Flush(1)) == [{"event": "clear"}]
    assert heard(dialect, *(m for m in out if m["event"] == "mark")) == []
    again = said(dialect, to.Play("b", b"\x11" * 1600, 0, 1))
    assert heard(dialect, again[-1]) == [of.CallerPlayed("b", 1600, 1)]


@pytest.mark.parametrize(("form", "wire"), [("pcm16be", b"\x12\x34"), ("pcm16", b"\x34\x12")])
def test_l16_is_in_the_byte_order_that_was_set(form: Any, wire: bytes) -> None:
    dialect = joined(Format(form, 16000), start("L16", 16000))
    assert heard(dialect, media(1, wire * 320)) == [of.CallerAudio(wire * 320)]
    out = said(dialect, to.Play("a", wire * 320, 0, 0))
    assert base64.b64decode(out[1]["media"]["payload"]) == wire * 320


def test_a_call_that_is_not_transcoded_on_the_way_in_is_converted() -> None:
    dialect = joined(ULAW, start("PCMA", 8000))
    assert heard(dialect, media(1, b"\xd5" * 160)) == [
        of.CallerAudio(b"\xfe" * 160)
    ]  # the nearest value
    wide = joined(pcm16(16000), start("audio/x-mulaw", 8000))
    facts = heard(wide, *(media(chunk, b"\xff" * 160) for chunk in range(1, 11)))
    assert 2000 < sum(len(fact.pcm) for fact in facts) // 2 <= 3200


def test_the_token_may_come_in_the_first_message() -> None:
    dialect = TelnyxDialect(ULAW, "secret")
    shown = {**CONNECTED, "x-telnyx-streaming-auth-token": "secret"}
    assert heard(dialect, shown, START)
    for first in (CONNECTED, {**CONNECTED, "x-telnyx-streaming-auth-token": "guess"}):
        with pytest.raises(WireError, match="stream_token"):
            heard(TelnyxDialect(ULAW, "secret"), first, START)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([b"\0\0"], 1003),
        (["{"], 1007),
        (["[]"], 1007),
        (['{"event":5}'], 1007),
        ([json.dumps({"event": "media"})], 1007),
        ([json.dumps(media(1, b"a"))], 1008),
        ([json.dumps({"event": "dtmf", "dtmf": {"digit": "1"}})], 1008),
        ([json.dumps(START), json.dumps(START)], 1008),
        ([json.dumps(start("OPUS", 48000))], 1003),
        ([json.dumps(START), '{"event":"media","media":{"payload":"%%"}}'], 1007),
        ([json.dumps(START), json.dumps(media("-1", b"a"))], 1007),
        ([json.dumps(START), json.dumps(media("x", b"a"))], 1007),
    ],
)
def test_a_broken_protocol_is_a_wire_error_with_its_code(
    messages: list[str | bytes], code: int
) -> None:
    dialect = TelnyxDialect(ULAW)
    with pytest.raises(WireError, match="Expected") as caught:
        [fact for message in messages for fact in dialect.decode(message)]
    assert caught.value.code == code
