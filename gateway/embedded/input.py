"""The input audio buffer of a session: what was sent, where turns begin and end, who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from audio.pcm import Framer
from gateway.embedded.conversation import BYTES_PER_MS, Sound
from gateway.embedded.parts import EARS_RATE
from gateway.embedded.sound import Decoder
from gateway.embedded.turns import FRAME_MS, Started, Stopped, TurnDetector, TurnEnd
from gateway.protocol.wire import Json, Refused, new_id

SAMPLE_BYTES = 2
PCM_PER_MS = EARS_RATE // 1000 * SAMPLE_BYTES
SHORTEST_MS = 100  # of audio that can be committed
LONGEST_MS = 600_000  # held without a commit
SILENCE_KEPT_MS = 30_000  # held in front of speech, for a client that commits by itself


class Listener(Protocol):
    """Hears one turn while it is spoken."""

    def hear(self, pcm: bytes) -> None: ...

    async def finish(self) -> str: ...

    @property
    def so_far(self) -> str: ...

    def cancel(self) -> None: ...


class Voiced(Protocol):
    """Says of a 20 ms frame at the ears' rate whether there is voice in it."""

    def voiced(self, frame: bytes) -> bool: ...


OnWords = Callable[[str], None]
Listen = Callable[[OnWords, bool], Listener]  # told certain words; wanted while they are spoken?
TellWords = Callable[[str, str], None]  # the item, and the words that are added to it


@dataclass(frozen=True, slots=True)
class Turn:
    """Audio that became an item, and the listener that knows its words."""

    item_id: str
    sound: Sound
    listener: Listener
    start: int  # milliseconds written
    end: int


class InputBuffer:
    """Audio that a client has sent and not committed; positions are milliseconds written."""

    def __init__(
        self,
        listen: Listen,
        voice: Callable[[], Voiced],
        turn_end: TurnEnd,
        tell: TellWords = lambda _item_id, _words: None,
    ) -> None:
        self._listen = listen
        self._tell = tell
        self._voice = voice
        self._turn_end = turn_end
        self._written = 0.0  # ms, before the bytes of the present format
        self._base = 0.0  # ms at which the buffer begins
        self._wire = bytearray()
        self._pcm = bytearray()
        self._heard = 0  # bytes of the buffered PCM that the listener has
        self._listener: Listener | None = None
        self.item_id: str | None = None
        self._format = ""
        self._policy: Json | None = None
        self._written_down = False  # whether the client wants the words
        self._detector: TurnDetector | None = None
        self._frames = Framer(PCM_PER_MS * FRAME_MS)
        self._framed = 0.0  # ms up to which frames were looked at

    # ------------------------------------------------------------ settings

    def configure(self, hearing: Json) -> None:
        """Follow the `audio.input` of a session."""
        if hearing["format"]["type"] != self._format:
            self._format = hearing["format"]["type"]
            self._decoder = Decoder(self._format)
            self.clear()
        self._written_down = hearing["transcription"] is not None
        if hearing["turn_detection"] != self._policy:
            self._policy = hearing["turn_detection"]
            self._drop_listener()
            self._frames = Framer(PCM_PER_MS * FRAME_MS)
            self._framed = self._position
            self._detector = self._new_detector()

    def _new_detector(self) -> TurnDetector | None:
        policy = self._policy
        if policy is None:
            return None
        self._detect = self._voice()
        if policy["type"] == "server_vad":
            silence = int(policy["silence_duration_ms"])
            return TurnDetector(policy["threshold"], policy["prefix_padding_ms"], lambda: silence)
        eagerness = policy["eagerness"]
        return TurnDetector(0.5, 300, lambda: self._semantic_wait(eagerness))

    def _semantic_wait(self, eagerness: str) -> int:
        words = "" if self._listener is None else self._listener.so_far
        return self._turn_end.wait_ms(words, eagerness)

    # ------------------------------------------------------------ what is in it

    @property
    def position(self) -> int:
        """All that was written since the session began."""
        return int(self._written)

    @property
    def _position(self) -> float:
        return self._base + len(self._pcm) / PCM_PER_MS

    @property
    def speaking(self) -> bool:
        """Whether the user's turn is under way, as the server's detection hears it."""
        return self._detector is not None and self._detector.speaking

    def append(self, data: bytes) -> Iterator[Started | Stopped]:
        """Take audio in; the consumer acts on each signal before the rest is looked at."""
        per_ms = BYTES_PER_MS[self._format]
        if (len(self._wire) + len(data)) / per_ms > LONGEST_MS:
            message = (
                f"Error appending input audio: the buffer may hold {LONGEST_MS // 1000} s. "
                "Commit or clear it before sending more."
            )
            raise Refused("buffer_size_exceeded", message, "audio")
        self._written += len(data) / per_ms
        self._wire += data
        pcm = self._decoder.push(data)
        if self._detector is None:
            self._pcm += pcm
            self._hear()
            return
        for frame in self._frames.push(pcm):
            yield from self._frame(frame, self._detector)

    def _frame(self, frame: bytes, detector: TurnDetector) -> Iterator[Started | Stopped]:
        self._pcm += frame
        self._framed += FRAME_MS
        signal = detector.feed(self._detect.voiced(frame), int(self._framed), int(self._base))
        if isinstance(signal, Started):
            self._drop_until(signal.at)
            self.item_id = new_id("item")
        if signal is not None or detector.speaking:
            self._hear()
        elif self._framed - self._base > SILENCE_KEPT_MS + 1000:
            self._drop_until(int(self._framed) - SILENCE_KEPT_MS)
        if signal is not None:
            yield signal

    def _drop_until(self, at: int) -> None:
        gone = max(0.0, at - self._base)
        del self._pcm[: int(gone) * PCM_PER_MS]
        del self._wire[: int(gone) * BYTES_PER_MS[self._format]]
        self._base += int(gone)

    def _hear(self) -> None:
        if self._listener is None:
            by_words = bool(self._policy and self._policy["type"] == "semantic_vad")
            item_id = self.item_id = self.item_id or new_id("item")
            tell = partial(self._tell, item_id) if self._written_down else _nobody
            self._listener = self._listen(tell, by_words or self._written_down)
        if self._heard < len(self._pcm):
            self._listener.hear(bytes(self._pcm[self._heard :]))
            self._heard = len(self._pcm)

    # ------------------------------------------------------------ taking it out

    def take(self, until: int | None = None, *, short: bool = False) -> Turn:
        """Turn the buffer into an item. Raises Refused under 100 ms, unless `short` is allowed."""
        per_ms = BYTES_PER_MS[self._format]
        size = len(self._wire) if until is None else (until - int(self._base)) * per_ms
        data = bytes(self._wire[:size])
        ms = len(data) / per_ms
        if ms < SHORTEST_MS and not short:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{SHORTEST_MS}ms of audio, but buffer only has {ms:.2f}ms of audio."
            )
            raise Refused("input_audio_buffer_commit_empty", message)
        self._hear()
        assert self._listener is not None
        start = int(self._base)
        turn = Turn(
            item_id=self.item_id or new_id("item"),
            sound=Sound(data, ms, self._format),
            listener=self._listener,
            start=start,
            end=start + int(ms),
        )
        self._listener = None
        self._forget(len(data))
        return turn

    def listener_for(self, sound: Sound) -> Listener:
        """A listener that has heard audio from elsewhere than the buffer."""
        listener = self._listen(_nobody, False)
        listener.hear(Decoder(sound.format).push(sound.data))
        return listener

    def clear(self) -> None:
        """Throw away what was not committed."""
        self._drop_listener()
        self._forget(len(self._wire))

    def _drop_listener(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            self._listener = None
        self._heard = 0

    def _forget(self, size: int) -> None:
        self._base += size / BYTES_PER_MS[self._format]
        del self._wire[:size]
        if not self._wire:
            self._decoder.realign()
        del self._pcm[:]
        self._heard = 0
        self.item_id = None
        if self._detector is not None:
            self._detector.reset()


def _nobody(words: str) -> None:
    """Where nobody wants the words before the turn is over."""
