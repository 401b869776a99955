"""Dialect: a caller's wire protocol as a pure translation between messages and facts or orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from audio.convert import Converter
from audio.format import Format
from gateway.call.effects import Flush, Play, ShowSavings, ToCaller, Transfer
from gateway.call.events import CallerAudio, CallerPlayed, FromCaller, FromClient
from gateway.errors import WireError
from gateway.recent import keep

Message = str | bytes
Said = FromCaller | FromClient
Fact = TypeVar("Fact")
REMEMBERED = 256  # items whose progress is kept; reports come for the last few only


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that the protocol itself owes the peer, and that the call need not know of.

    A function makes it when it is written, where it says how many were written before it. What is
    owed `at_once` does not wait until the call is let in.
    """

    message: Message | Callable[[], Message]
    at_once: bool = False

    def said(self) -> Message:
        """The message; to be asked for once, and then written."""
        return self.message() if callable(self.message) else self.message


# What most carriers' protocols have words for. A transfer goes around the socket.
SOUND_ALONE: frozenset[type] = frozenset({Play, Flush, Transfer})
OVERHEAD = 256  # bytes that what waits to be written is counted as, at least
Entry = ToCaller | Reply  # what a leg has to write


def size(entry: Entry) -> int:
    """Bytes, near enough."""
    match entry:
        case Reply(str() | bytes() as message):
            return OVERHEAD + len(message)
        case Play(_, pcm):
            return OVERHEAD + len(pcm)
        case _:
            return OVERHEAD + len(getattr(entry, "text", "")) + len(getattr(entry, "output", ""))


class Dialect(Protocol):
    """One connection's translation; made afresh for each, so that two never share state.

    One that has words for few effects may say for which, in `kinds`: see `SOUND_ALONE`.
    """

    @property
    def format(self) -> Format:
        """Of the audio on the wire, and of the audio in its events and effects."""
        ...

    lead: int  # how far ahead of the caller's ear audio may be sent, in microseconds
    grain: int  # how much at once, in microseconds

    def decode(self, message: Message) -> bytes | Iterable[Said | Reply]:
        """What a message from the caller means: sound and nothing else, as most do, or facts.

        Raises WireError only.
        """
        ...

    def encode(self, effect: ToCaller) -> Iterable[Message]:
        """The messages that carry out an effect; none where the protocol has no word."""
        ...

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """The last messages before the line is closed, by an error or without; may be none."""
        ...


class FramedDialect(Dialect, Protocol):
    """One whose sound is written frame by frame, each at its time."""

    def frame(self, sound: bytes) -> bytes:
        """The message that carries so much sound."""
        ...


def facts(meaning: bytes | Iterable[Fact]) -> Iterable[Fact | CallerAudio]:
    """What a message means, where its sound is to be one fact among others."""
    if isinstance(meaning, bytes):
        return (CallerAudio(meaning),) if meaning else ()
    return meaning


class Splitter(Protocol):
    """Finds the messages in a stream that may be cut anywhere."""

    def push(self, data: bytes) -> Iterable[bytes]:
        """The messages that are whole now. Raises WireError."""
        ...

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        ...


@dataclass(slots=True)
class _Sent:
    """What has been sent of one item since the last jump in it, at both rates."""

    item_id: str
    position: int  # in the item at the call's rate, of what comes next
    wire: int  # the same place at the wire's rate, as it was counted there


class Fitting:
    """Facts and orders of a call in one format, over a wire in another: sound and positions.

    An item counts as heard in full when all that was written of it has been played, although the
    resampler still holds back its last samples: nobody would ever report those.
    """

    def __init__(self, wire: Format, call: Format) -> None:
        self._wire, self._call = wire, call
        self._inward = Converter(wire, call)
        self._outward = Converter(call, wire)
        self._sent: dict[str, _Sent] = {}
        self._playing = ""

    def sound(self, pcm: bytes) -> bytes:
        """The caller's sound as the call has it; nothing where it is held back."""
        return self._inward.push(pcm)

    def inward(self, fact: Said) -> Said | None:
        """A fact of the wire as the call knows it; none where the sound is held back."""
        match fact:
            case CallerAudio(pcm):
                converted = self.sound(pcm)
                return CallerAudio(converted) if converted else None
            case CallerPlayed(item_id, samples):
                return replace(fact, samples=self._heard(item_id, samples))
            case _:
                return fact

    def outward(self, effect: ToCaller) -> ToCaller | None:
        """An order of the call as the wire knows it; none where the sound is held back."""
        match effect:
            case Play():
                return self._play(effect)
            case Flush():
                self._playing = ""
                return effect
            case ShowSavings(heard, sent):
                return replace(effect, heard=self._to_wire(heard), sent=self._to_wire(sent))
            case _:
                return effect

    def _play(self, play: Play) -> Play | None:
        sent = self._sent.get(play.item_id)
        if self._playing != play.item_id or sent is None or sent.position != play.position:
            self._outward = Converter(self._call, self._wire)
            sent = _Sent(play.item_id, play.position, self._to_wire(play.position))
            keep(self._sent, play.item_id, sent, REMEMBERED)
            self._playing = play.item_id
        pcm, position = self._outward.push(play.pcm), sent.wire
        sent.position += self._call.samples(play.pcm)
        sent.wire += self._wire.samples(pcm)
        return replace(play, pcm=pcm, position=position) if pcm else None

    def _heard(self, item_id: str, samples: int) -> int:
        sent = self._sent.get(item_id)
        if sent is not None and samples >= sent.wire:
            return sent.position
        return samples * self._call.rate // self._wire.rate

    def _to_wire(self, samples: int) -> int:
        return samples * self._wire.rate // self._call.rate


class Fitted:
    """A dialect for a call in another format: audio is converted, positions are scaled."""

    def __init__(self, dialect: Dialect, call: Format) -> None:
        self.format, self.lead, self.grain = call, dialect.lead, dialect.grain
        self._dialect = dialect
        self._fitting = Fitting(dialect.format, call)

    def decode(self, message: Message) -> bytes | Iterable[Said | Reply]:
        """As the dialect does, in the call's format."""
        meaning = self._dialect.decode(message)
        if isinstance(meaning, bytes):
            return self._fitting.sound(meaning)
        return self._fitted(meaning)

    def _fitted(self, meaning: Iterable[Said | Reply]) -> Iterator[Said | Reply]:
        for fact in meaning:
            if isinstance(fact, Reply):
                yield fact
            elif (fitting := self._fitting.inward(fact)) is not None:
                yield fitting

    def encode(self, effect: ToCaller) -> Iterator[Message]:
        """As the dialect does, from an effect in the call's format."""
        if (fitting := self._fitting.outward(effect)) is not None:
            yield from self._dialect.encode(fitting)

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """As the dialect does."""
        return self._dialect.farewell(reason, error)


def fitted(dialect: Dialect, call: Format) -> Dialect:
    """The dialect as a call in that format needs it: itself, where the wire has the same."""
    return dialect if dialect.format == call else Fitted(dialect, call)
