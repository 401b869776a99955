"""jambonz' verb listen, and so FreeSWITCH's mod_audio_fork: L16 in binary frames, JSON beside it.

Follows jambonz' documentation of `listen` with streaming bidirectional audio, and the module's own
README. Close codes: 1003 for sound that is not one channel of L16, 1007 for text that is no such
message, 1008 for messages out of order.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from audio.format import pcm16
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.dialect import Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

PROTOCOL = "jambonz' verb listen"
MOST_MARKS = 30  # that the module keeps; one more it would drop without a word
HOOK = "trunkline_hook"  # in the metadata of a listen of ours: after it we are asked what to do
RATES = (8_000, 16_000, 24_000, 32_000, 48_000, 64_000)
OURS = ("from", "to", "sampleRate", "mixType", HOOK)

Name = Annotated[str, msgspec.Meta(max_length=500)]


class _Mark(msgspec.Struct):
    name: Name = ""
    event: Literal["playout", "cleared"] = "playout"


class _Message(msgspec.Struct):
    event: str = ""
    type: str = ""
    dtmf: Name = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")


_MESSAGE = msgspec.json.Decoder(_Message)
_MARK = msgspec.json.Decoder(_Mark)
_FIRST = msgspec.json.Decoder(dict[str, Any])


class ListenDialect:
    """One listen."""

    lead = carrier.AHEAD_US
    grain = carrier.SLICE_US

    def __init__(self, rate: int) -> None:
        self.format = pcm16(rate)  # both ways, until the first message says otherwise
        self._started = False
        self._hooked = False  # whether jambonz asks what to do next when the listen ends
        self._marks = Marks()
        self._item = ""

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a frame of jambonz means."""
        if isinstance(message, bytes):
            carrier.expect_order(self._started, False, "a binary frame")
            if whole := message[: len(message) // 2 * 2]:
                yield of.CallerAudio(whole)
            return
        if not self._started:
            yield self._joined(carrier.parse(_FIRST, message, PROTOCOL))
            return
        said: _Message = carrier.parse(_MESSAGE, message, PROTOCOL)
        match said:
            case _Message(type="mark"):
                mark: _Mark = carrier.parse(_MARK, bytes(said.data), PROTOCOL)
                played = self._marks.echoed(mark.name)
                if played is not None and mark.event == "playout":
                    yield played
            case _Message(event="dtmf", dtmf=digit):
                yield from carrier.pressed(digit)
            case _Message(event="", type=""):
                raise WireError(
                    "Expected one message with the call's attributes, then messages with a type "
                    "or an event, and one with neither came."
                )

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The frames that carry out an effect.

        The module lets a mark go when the sound after it begins, so one stands before each item.
        """
        match effect:
            case to.Play():
                yield from self._play(effect)
            case to.Flush(generation):
                self._marks.flushed(generation)
                yield '{"type":"killAudio"}'
            case to.Transfer(target) if not self._hooked:
                about = {"type": "transfer", "data": {"target": target}}
                yield msgspec.json.encode(about).decode()

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """The listen ends, and jambonz goes on with what follows it."""
        del reason, error
        if self._started:
            yield '{"type":"disconnect"}'

    def _play(self, play: to.Play) -> Iterator[Message]:
        for piece in carrier.slices(play, self.format):
            if piece.item_id != self._item or not self._marks:
                yield from self._mark(piece, 0)
            self._item = piece.item_id
            yield without_sentinels(piece.pcm)
            yield from self._mark(piece, self.format.samples(piece.pcm))

    def _mark(self, piece: to.Play, samples: int) -> Iterator[str]:
        if len(self._marks) < MOST_MARKS:
            name = self._marks.after(piece, samples)
            yield f'{{"type":"mark","data":{{"name":"{name}"}}}}'

    def _joined(self, first: dict[str, Any]) -> of.CallerJoined:
        rate, mix = first.get("sampleRate", self.format.rate), first.get("mixType", "mono")
        if type(rate) is not int or rate not in RATES or mix == "stereo":
            raise WireError(
                f"Expected sampleRate to be one of {', '.join(map(str, RATES))} and mixType mono, "
                f"and {str(rate)[:10]} and {str(mix)[:10]} came. Set them in the listen.",
                1003,
            )
        self._started = True
        self._hooked = HOOK in first
        self.format = pcm16(rate)
        said = carrier.words(first)
        given = {name: value for name, value in said.items() if name not in OURS}
        return of.CallerJoined(said.get("from", ""), True, said.get("to", ""), given)


def without_sentinels(pcm: bytes) -> bytes:
    """The same sound without the sample -1, which the module takes for one of its marks."""
    wave, at = array("h", pcm), 0
    marks = wave.count(-1)
    for _ in range(marks):
        at = wave.index(-1, at)
        wave[at] = 0
    return wave.tobytes() if marks else pcm
