"""Input: the caller's side of the stream: audio as it comes, turns, and what was recognised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audio.convert import Converter, whole
from audio.format import Format
from gateway.call.effects import ShowTurn, ShowWords
from gateway.call.events import CallerAudio
from gateway.call.plan import FRAME_US, Plan
from gateway.callers.dialect import facts
from gateway.callers.realtime.conversation import Conversation, Seen, user_turn
from gateway.callers.realtime.stream import Stream
from gateway.protocol.wire import MAX_APPEND, Refused, from_base64, missing, wrong_type
from gateway.recent import keep

SHORTEST_MS = 100  # of audio that can be committed
PIECE = 1  # seconds of audio that reach the call at once
KEPT = 64  # turns whose length or words wait for the rest


class Input:
    """What one client says."""

    def __init__(self, stream: Stream, conversation: Conversation, plan: Plan) -> None:
        self._stream = stream
        self._conversation = conversation
        self._plan = plan
        self._wire = plan.format
        self._converter: Converter | None = None  # where the client's format is another
        self.width = plan.format.width  # bytes of a sample, as the client sends it
        self._width = plan.format.width  # and at the call's end
        self._piece = plan.rate * PIECE * self._width
        self._buffered = 0  # samples that came since the last turn, at the call's rate
        self._began: dict[str, int] = {}  # turn -> where in the audio, in samples
        self._seconds: dict[str, float] = {}  # turn -> how long it was
        self._early: dict[str, ShowWords] = {}  # recognised before the turn was an item
        self._told: dict[str, str] = {}  # what was told of a turn's words
        self.transcribes = False  # whether the client wants the words

    def configure(self, wire: Format, *, transcribes: bool) -> None:
        """Audio comes in this format from now on."""
        self.transcribes = transcribes
        if wire != self._wire:
            call = self._plan.format
            self._converter = Converter(wire, call) if wire != call else None
            self._wire, self.width = wire, wire.width

    # ------------------------------------------------------------ from the client

    def append(self, value: object) -> Iterable[CallerAudio]:
        """A piece of audio, in base64. Raises Refused."""
        return facts(self.take(_audio(value, self._wire)))

    def take(self, data: bytes) -> bytes | list[CallerAudio]:
        """A piece of audio, of whole samples."""
        pcm = data if self._converter is None else self._converter.push(data)
        size = len(pcm)
        self._buffered += size // self._width
        if size <= self._piece:
            return pcm
        return [CallerAudio(pcm[at : at + self._piece]) for at in range(0, len(pcm), self._piece)]

    def whole(self, data: bytes) -> bytes:
        """A recording by itself, as the call has it."""
        return whole(data[: len(data) // self.width * self.width], self._wire, self._plan.format)

    def commit(self, *, manual: bool) -> Iterator[CallerAudio]:
        """What was held back belongs to the turn, which ends with a whole frame. Raises Refused."""
        ms = self._buffered * 1000 / self._plan.rate
        if manual and ms < SHORTEST_MS:
            raise Refused(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{SHORTEST_MS}ms of audio, but buffer only has {ms:.2f}ms of audio.",
            )
        rest = self._flushed()
        frame = self._plan.samples(FRAME_US)
        over = (self._buffered + self._plan.count(rest)) % frame
        self._buffered = 0
        if rest or over:
            yield CallerAudio(rest + self._plan.silence(frame - over if over else 0))

    def clear(self) -> None:
        """What has come is to be forgotten."""
        self._flushed()
        self._buffered = 0
        self._stream.emit("input_audio_buffer.cleared")

    def _flushed(self) -> bytes:
        """What a change of format has kept back."""
        return b"" if self._converter is None else self._converter.flush()

    # ------------------------------------------------------------ from the call

    def turn(self, turn: ShowTurn) -> None:
        """Where the caller's turn stands."""
        match turn.phase:
            case "began":
                item_id = self._name(turn)
                keep(self._began, item_id, turn.position, KEPT)
                at = self._ms(turn.position)
                kind = "input_audio_buffer.speech_started"
                self._stream.emit(kind, audio_start_ms=at, item_id=item_id)
            case "ended" | "dropped":
                item_id = self._name(turn)
                at = self._ms(turn.position)
                kind = "input_audio_buffer.speech_stopped"
                self._stream.emit(kind, audio_end_ms=at, item_id=item_id)
                length = turn.position - self._began.pop(item_id, turn.position)
                if self.transcribes:
                    keep(self._seconds, item_id, length / self._plan.rate, KEPT)
            case "committed":
                self._committed(self._name(turn), turn.item_id)

    def _name(self, turn: ShowTurn) -> str:
        """A turn that the gateway detects is named before it is an item, alike to all who watch."""
        call = self._plan.call_id.removeprefix("call_")
        return f"item_{call}{turn.turn:04x}" if turn.turn else turn.item_id

    def _committed(self, item_id: str, model_id: str) -> None:
        told = self._conversation.get(item_id) is not None
        before = self._conversation.add(Seen(item_id))
        self._conversation.bind(item_id, model_id)
        if told:
            return  # another session with the model has heard it again
        item = user_turn(item_id)
        self._stream.emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=before)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._stream.emit(kind, item=item, previous_item_id=before)
        if (words := self._early.pop(model_id, None)) is not None:
            self.words(words)

    def words(self, line: ShowWords) -> None:
        """What was recognised of a turn, whole as it stands."""
        item_id = self._conversation.to_client(line.item_id)
        if not self.transcribes:
            return
        if self._conversation.get(item_id) is None:
            keep(self._early, line.item_id, line, KEPT)
            return
        kind = "conversation.item.input_audio_transcription"
        where = {"item_id": item_id, "content_index": 0}
        told = self._told.pop(item_id, "")
        if line.final:
            seconds = round(self._seconds.pop(item_id, 0.0), 3)
            usage = {"type": "duration", "seconds": seconds}
            self._stream.emit(f"{kind}.completed", **where, transcript=line.text, usage=usage)
        elif line.text.startswith(told) and line.text != told:
            self._stream.emit(f"{kind}.delta", **where, delta=line.text[len(told) :])
            keep(self._told, item_id, line.text, KEPT)
        else:
            keep(self._told, item_id, told, KEPT)

    def _ms(self, samples: int) -> int:
        return samples * 1000 // self._plan.rate


def _audio(value: object, wire: Format) -> bytes:
    """The bytes of a base64 field: whole samples of that format. Raises Refused."""
    if not isinstance(value, str):
        raise missing("audio") if value is None else wrong_type(value, "a string", "audio")
    if len(value) > MAX_APPEND:
        message = (
            "Invalid 'audio': string too long. Expected a string with maximum length "
            f"{MAX_APPEND}, but got a string with length {len(value)} instead."
        )
        raise Refused("string_above_max_length", message, "audio")
    data = from_base64(value, "audio")
    if len(data) % wire.width:
        message = (
            f"Invalid 'audio': expected whole samples of {wire.width} bytes ({wire}), but got "
            f"{len(data)} bytes. Cut the audio between samples."
        )
        raise Refused("invalid_value", message, "audio")
    return data
