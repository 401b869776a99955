"""The browser's dialect: JSON text frames, and binary frames of PCM16 at 24 kHz, both ways.

Close codes: 1003 for audio that is no PCM16, 1007 for text that is no message of this protocol,
1008 for messages out of order, 1009 for frames that are too large.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, assert_never

import msgspec

from audio.format import pcm16
from audio.pcm import BYTES
from gateway.call import effects as to
from gateway.call import events as of
from gateway.call.prices import NANO
from gateway.callers.dialect import Message, Reply, Said
from gateway.errors import WireError

SUBPROTOCOL = "trunkline"
LARGEST_AUDIO = 64 * 1024  # bytes of audio in one frame: 1.4 s
ERRORS = {1003: "unsupported_audio", 1007: "invalid_message", 1009: "too_large"}

Name = Annotated[str, msgspec.Meta(max_length=200)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Kind(msgspec.Struct):
    type: str


class _Start(msgspec.Struct):
    reports: bool
    name: Name = ""


class _Played(msgspec.Struct):
    item: Name
    samples: Count
    generation: Count


class _Text(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]


class _Image(msgspec.Struct):
    url: Annotated[
        str, msgspec.Meta(max_length=240_000, pattern=r"^data:image/(png|jpeg);base64,[\w+/=]+\Z")
    ]
    text: Annotated[str, msgspec.Meta(max_length=8000)] = ""


class _Digit(msgspec.Struct):
    digit: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]\Z")]


class _HangUp(msgspec.Struct):
    pass


_KINDS = {
    "start": _Start,
    "played": _Played,
    "text": _Text,
    "image": _Image,
    "digit": _Digit,
    "hangup": _HangUp,
}
_DECODERS = {kind: msgspec.json.Decoder(struct) for kind, struct in _KINDS.items()}
_KIND = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the page is told when its call begins."""

    call_id: str
    assistant: str
    detector: str


class BrowserDialect:
    """One page's connection."""

    format = pcm16(24_000)
    lead = 240_000
    grain = 20_000

    def __init__(self, greeting: Greeting) -> None:
        self._greeting = greeting
        self._started = False
        self._puzzled = False  # whether the page was told of a message that we do not know
        self._item = ""
        self._generation = -1
        self._position = 0  # in the item, of the next sample that continues it

    def decode(self, message: Message) -> Iterator[Said | Reply]:
        """What a frame from the page means; WireError where it means nothing."""
        if isinstance(message, bytes):
            yield from self._audio(message)
            return
        kind = _parse(_KIND, message).type
        if kind not in _DECODERS and self._started:
            yield from self._unknown(kind)
            return
        if (kind == "start") == self._started:
            raise WireError(_out_of_order(f"a message of type {kind[:40]!r}", self._started))
        yield from self._message(_parse(_DECODERS[kind], message))

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The frames that carry out an effect."""
        match effect:
            case to.Play(item, pcm, position, generation):
                if (item, generation, position) != (self._item, self._generation, self._position):
                    yield _json("audio", item=item, position=position, generation=generation)
                self._item, self._generation = item, generation
                self._position = position + len(pcm) // BYTES
                yield from _frames(pcm)
            case to.Flush(generation):
                yield _json("flush", generation=generation)
            case to.ShowState(state):
                yield _json("state", state=state)
            case to.ShowWords(item, role, text, at, final, cut):
                line = {"item": item, "role": role, "text": text, "at": at // 1000}
                yield _json("words", **line, final=final, cut=cut)
            case to.ShowTool(call, name, arguments, status, output):
                tool = {"name": name, "arguments": arguments, "status": status}
                yield _json("tool", call=call, **tool, output=output)
            case to.ShowLatency(item, voice_to_voice):
                yield _json("latency", item=item, ms=voice_to_voice // 1000)
            case to.ShowSavings():
                yield _json("savings", **self._savings(effect))
            case to.ShowNotice(code, text):
                yield _json("notice", code=code, message=text)
            case to.ShowCost(nano):
                yield _json("cost", usd=nano / NANO)
            case to.ShowResponse() | to.ShowTurn() | to.ShowCut() | to.ShowRefusal() | to.PassOn():
                pass  # for callers that speak the Realtime protocol
            case to.Transfer():
                pass  # the leg answers that a page cannot be put through
            case _:
                assert_never(effect)

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """What went wrong, or why the call ended."""
        if error is None:
            yield _json("ended", reason=reason)
        else:
            code = ERRORS.get(error.code, "protocol_violation")
            yield _json("error", code=code, message=str(error))

    def _audio(self, pcm: bytes) -> Iterator[of.FromCaller]:
        if not self._started:
            raise WireError(_out_of_order("a binary frame", self._started))
        if len(pcm) > LARGEST_AUDIO:
            raise WireError(
                f"Expected at most {LARGEST_AUDIO} bytes of audio in a frame (960 are usual), "
                f"and {len(pcm)} came. Send smaller frames.",
                1009,
            )
        if len(pcm) % BYTES:
            raise WireError(
                "Expected 16-bit samples, an even number of bytes, in a binary frame, and "
                f"{len(pcm)} bytes came. Send PCM16 little-endian mono at {self.format.rate} Hz.",
                1003,
            )
        if pcm:
            yield of.CallerAudio(pcm)

    def _unknown(self, kind: str) -> Iterator[Reply]:
        if not self._puzzled:
            self._puzzled = True
            text = f"Messages of type {kind[:40]!r} are not known here and are ignored."
            yield Reply(_json("notice", code="unknown_message", message=text))

    def _message(self, message: Any) -> Iterator[Said | Reply]:
        match message:
            case _Start():
                self._started = True
                hello = {"assistant": self._greeting.assistant, "detector": self._greeting.detector}
                yield Reply(
                    _json("started", call=self._greeting.call_id, rate=self.format.rate, **hello)
                )
                yield of.CallerJoined(message.name, reports_playback=message.reports)
            case _Played():
                yield of.CallerPlayed(message.item, message.samples, message.generation)
            case _Text():
                yield of.CallerText(message.text)
            case _Image():
                yield _showed(message)
            case _Digit():
                yield of.CallerDigit(message.digit)
            case _HangUp():
                yield of.CallerLeft("hung up")

    def _savings(self, savings: to.ShowSavings) -> dict[str, float]:
        return {
            "heard_ms": savings.heard * 1000 // self.format.rate,
            "sent_ms": savings.sent * 1000 // self.format.rate,
            "bytes_saved": savings.bytes_saved,
            "tokens_saved": savings.tokens_saved,
            "usd_saved": savings.money_saved,
        }


def _parse(decoder: msgspec.json.Decoder[Any], message: str) -> Any:
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"Expected a message of the browser's protocol: {error}.", 1007) from error


def _out_of_order(what: str, started: bool) -> str:
    if started:
        return f"Expected one start message in a call, and {what} came again. Open another call."
    return f'Expected {{"type": "start", "reports": true}} first, and {what} came. Send it first.'


def _frames(pcm: bytes) -> Iterator[bytes]:
    if len(pcm) <= LARGEST_AUDIO:
        yield pcm
        return
    for at in range(0, len(pcm), LARGEST_AUDIO):
        yield pcm[at : at + LARGEST_AUDIO]


def _json(kind: str, **fields: Any) -> str:
    return msgspec.json.encode({"type": kind, **fields}).decode()


def _showed(message: _Image) -> of.CallerShowed:
    """The picture as it came; what only looks like one is refused where it is looked at."""
    head, _, data = message.url.partition(";base64,")
    try:
        raw = b64decode(data, validate=True)
    except ValueError:
        raw = b""
    return of.CallerShowed(head.removeprefix("data:"), raw, message.text)
