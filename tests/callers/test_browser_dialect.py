"""The browser's dialect, message by message, and on garbage."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.format import pcm16
from audio.tone import sine
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.browser import LARGEST_AUDIO, BrowserDialect, Greeting
from gateway.callers.dialect import Reply, fitted
from gateway.errors import WireError

START = '{"type":"start","reports":true}'
GREETING = Greeting("call_1", "embedded", "gateway")


def fresh() -> BrowserDialect:
    return BrowserDialect(GREETING)


def started() -> BrowserDialect:
    dialect = fresh()
    list(dialect.decode(START))
    return dialect


def sent(dialect: BrowserDialect, *effects: to.ToCaller) -> list[Any]:
    frames = [frame for effect in effects for frame in dialect.encode(effect)]
    return [json.loads(frame) if isinstance(frame, str) else frame for frame in frames]


def test_start_is_answered_and_joins_the_call() -> None:
    reply, joined = fresh().decode('{"type":"start","reports":true,"name":"Ada"}')
    assert isinstance(reply, Reply)
    assert json.loads(reply.message) == {
        "type": "started",
        "call": "call_1",
        "rate": 24000,
        "assistant": "embedded",
        "detector": "gateway",
    }
    assert joined == of.CallerJoined("Ada", reports_playback=True)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (b"\1\0" * 480, of.CallerAudio(b"\1\0" * 480)),
        (
            '{"type":"played","item":"item_1","samples":480,"generation":2}',
            of.CallerPlayed("item_1", 480, 2),
        ),
        ('{"type":"text","text":"grüß dich"}', of.CallerText("grüß dich")),
        ('{"type":"digit","digit":"#"}', of.CallerDigit("#")),
        ('{"type":"hangup"}', of.CallerLeft("hung up")),
        ('{"type":"digit","digit":"5","more":[1]}', of.CallerDigit("5")),
    ],
)
def test_each_message_is_one_event(message: str | bytes, event: of.FromCaller) -> None:
    assert list(started().decode(message)) == [event]


def test_an_empty_binary_frame_means_nothing() -> None:
    assert list(started().decode(b"")) == []


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        ('{"type":"played","item":"i","samples":-1,"generation":0}', 1007, "`int` >= 0"),
        ('{"type":"played","item":"i","samples":true,"generation":0}', 1007, "got `bool`"),
        ('{"type":"played","item":"i","samples":NaN,"generation":0}', 1007, "malformed"),
        ('{"type":"played","item":"i","samples":1e30,"generation":0}', 1007, "`$.samples`"),
        ('{"type":"played","item":"i","samples":1.5,"generation":0}', 1007, "`$.samples`"),
        ('{"type":"played","item":"i","samples":1' + "0" * 30 + ',"generation":0}', 1007, "<="),
        ('{"type":"played","item":7,"samples":1,"generation":0}', 1007, "Expected `str`"),
        ('{"type":"played","samples":1,"generation":0}', 1007, "field `item`"),
        ('{"type":"text","text":""}', 1007, "length >= 1"),
        ('{"type":"digit","digit":"55"}', 1007, "regex"),
        ('{"type":', 1007, "truncated"),
        ("[]", 1007, "got `array`"),
        ('{"type":null}', 1007, "Expected `str`"),
        ('{"type":"text","x":' + "[" * 100_000, 1007, "recursion"),
        ('{"type":"text","text":"\ud800"}', 1007, "surrogates"),
        (START, 1008, "one start message"),
        (b"\0\0\0", 1003, "3 bytes came"),
        (b"\0" * (LARGEST_AUDIO + 2), 1009, "Send smaller frames"),
    ],
)
def test_a_bad_message_is_refused_with_what_was_expected_and_what_came(
    message: str | bytes, code: int, words: str
) -> None:
    with pytest.raises(WireError, match=r"^Expected .*\.$") as caught:
        list(started().decode(message))
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize("message", [b"\0\0", '{"type":"hangup"}', '{"type":"ping"}'])
def test_nothing_comes_before_start(message: str | bytes) -> None:
    with pytest.raises(WireError, match=r"first.*Send it first") as caught:
        list(fresh().decode(message))
    assert caught.value.code == 1008


def test_unknown_messages_are_ignored_and_told_of_once() -> None:
    dialect = started()
    (reply,) = dialect.decode('{"type":"wave"}')
    assert isinstance(reply, Reply)
    assert json.loads(reply.message)["code"] == "unknown_message"
    assert list(dialect.decode('{"type":"wave"}')) == []


def test_audio_is_announced_when_item_generation_or_position_jumps() -> None:
    frames = sent(
        started(),
        to.Play("a", b"\0\0" * 480, 0, 0),
        to.Play("a", b"\0\0" * 480, 480, 0),
        to.Play("a", b"\0\0" * 480, 1440, 0),
        to.Play("b", b"\0\0" * 480, 0, 0),
        to.Play("b", b"\0\0" * 480, 480, 1),
    )
    headers = [(f["item"], f["position"], f["generation"]) for f in frames if isinstance(f, dict)]
    assert headers == [("a", 0, 0), ("a", 1440, 0), ("b", 0, 0), ("b", 480, 1)]
    assert [isinstance(frame, bytes) for frame in frames] == [
        *(False, True, True),
        *(False, True) * 3,
    ]


def test_long_audio_is_cut_into_frames_that_fit() -> None:
    frames = sent(started(), to.Play("a", b"\0\0" * 100_000, 0, 0))[1:]
    assert [len(frame) for frame in frames] == [65536, 65536, 65536, 3392]


def test_what_is_shown_has_milliseconds_and_the_words_of_the_wire() -> None:
    frames = sent(
        started(),
        to.Flush(3),
        to.ShowState("hearing"),
        to.ShowWords("i", "caller", "where is", 1_234_567, final=False),
        to.ShowTool("c", "find", "{}", "done", "found"),
        to.ShowLatency("i", 412_900),
        to.ShowSavings(48_000, 24_000, 48_000, 10, 0.5),
        to.ShowNotice("slow", "The line is slow."),
    )
    assert frames == [
        {"type": "flush", "generation": 3},
        {"type": "state", "state": "hearing"},
        {
            **{"type": "words", "item": "i", "role": "caller", "text": "where is", "at": 1234},
            **{"final": False, "cut": False},
        },
        {
            **{"type": "tool", "call": "c", "name": "find", "arguments": "{}"},
            **{"status": "done", "output": "found"},
        },
        {"type": "latency", "item": "i", "ms": 412},
        {
            **{"type": "savings", "heard_ms": 2000, "sent_ms": 1000},
            **{"bytes_saved": 48000, "tokens_saved": 10, "usd_saved": 0.5},
        },
        {"type": "notice", "code": "slow", "message": "The line is slow."},
    ]


def test_the_farewell_tells_the_reason_or_the_error() -> None:
    (ended,) = fresh().farewell("the assistant hung up", None)
    assert json.loads(str(ended)) == {"type": "ended", "reason": "the assistant hung up"}
    (error,) = fresh().farewell("", WireError("Expected less.", 1009))
    assert json.loads(str(error)) == {
        "type": "error",
        "code": "too_large",
        "message": "Expected less.",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(["type", "item", "samples", "generation", "text", "digit", "reports"])
KINDS = st.sampled_from(["start", "played", "text", "digit", "hangup", "wave"])
MESSAGES = st.builds(
    lambda kind, fields: json.dumps({**fields, "type": kind}),
    KINDS | JSON,
    st.dictionaries(FIELDS, JSON),
)


@given(st.lists(st.text(st.characters()) | st.binary(max_size=64) | MESSAGES, max_size=6))
def test_garbage_raises_nothing_but_wire_errors(messages: list[str | bytes]) -> None:
    for dialect in (fresh(), started()):
        for message in messages:
            with suppress(WireError):
                facts = list(dialect.decode(message))
                assert all(isinstance(fact, of.FromCaller | Reply) for fact in facts)


# ---------------------------------------------------------------- a call at another rate


def test_a_call_at_8_khz_hears_and_counts_at_8_khz() -> None:
    dialect = fitted(started(), pcm16(8_000))
    heard = b"".join(
        fact.pcm
        for _ in range(50)
        for fact in dialect.decode(b"\1\0" * 480)
        if isinstance(fact, of.CallerAudio)
    )
    assert 8_000 - 40 <= len(heard) // 2 <= 8_000
    (played,) = dialect.decode('{"type":"played","item":"x","samples":2400,"generation":0}')
    assert played == of.CallerPlayed("x", 800, 0)


def test_audio_of_an_8_khz_call_goes_out_at_24_khz_and_its_end_counts_as_heard() -> None:
    dialect = fitted(started(), pcm16(8_000))
    pcm = sine(440, 1.0, 8_000)
    frames: list[str | bytes] = []
    for at in range(0, 8_000, 160):
        piece = pcm[at * 2 : at * 2 + 320]
        frames.extend(dialect.encode(to.Play("a", piece, 4_000 + at, 0)))
    headers = [json.loads(frame) for frame in frames if isinstance(frame, str)]
    assert [header["position"] for header in headers] == [12_000]
    written = sum(len(frame) for frame in frames if isinstance(frame, bytes)) // 2
    assert 24_000 - 100 <= written <= 24_000
    end = json.dumps({"type": "played", "item": "a", "samples": 12_000 + written, "generation": 0})
    assert list(dialect.decode(end)) == [of.CallerPlayed("a", 12_000, 0)]


def test_the_savings_of_an_8_khz_call_are_the_same_milliseconds() -> None:
    dialect = fitted(started(), pcm16(8_000))
    (frame,) = dialect.encode(to.ShowSavings(16_000, 8_000, 1, 1, 0.0))
    assert json.loads(str(frame))["heard_ms"] == 2_000


def test_an_answer_that_costs_something_says_what() -> None:
    dialect = BrowserDialect(GREETING)
    shown = dialect.encode(to.ShowCost(20_000_000))
    assert [json.loads(m) for m in shown] == [{"type": "cost", "usd": 0.02}]
    assert not list(dialect.encode(to.ShowResponse("r", "completed")))
