"""The messages of Asterisk's chan_websocket: sound in binary, control as plain text or as JSON.

Follows "WebSocket channel driver" of Asterisk's documentation, and what `chan_websocket` of 20.16
to 23 does. It drops text of more than 128 bytes, cuts sound into whole frames and throws the rest
away, cannot put fragments together, and forgets marks on a flush without a word.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from audio.format import Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers.carrier import AHEAD_US, SLICE_US, pressed, slices, words
from gateway.callers.dialect import Message, Reply
from gateway.callers.marks import Marks
from gateway.errors import WireError

log = logging.getLogger(__name__)

FORMATS: Final = {
    **{
        "ulaw": Format("pcmu", 8_000),
        "alaw": Format("pcma", 8_000),
        "slin": Format("pcm16", 8_000),
    },
    **{f"slin{k}": Format("pcm16", k * 1_000) for k in (12, 16, 24, 32, 48, 96, 192)},
}
LONGEST_TEXT: Final = 128  # bytes that Asterisk reads of a text message
LARGEST: Final = 65_000  # bytes of a binary one; above 65535 it closes the socket
HELD_US: Final = 60_000_000  # of sound that waits with us, at most, while Asterisk wants no more
OURS: Final = ("MEDIA_WEBSOCKET_", "DIALEDPEER")  # variables that say nothing of the caller
CODEC: Final = "Expected one of ulaw, alaw, slin, slin16 and so on. Dial with c(slin16), without p."


class _Said(msgspec.Struct):
    event: str
    format: str = ""
    optimal_frame_size: int = 0
    connection_id: str = ""
    channel: str = ""
    channel_id: str = ""
    channel_variables: dict[str, Any] = {}
    correlation_id: str = ""
    digit: str = ""
    error_text: str = ""


_DECODE = msgspec.json.Decoder(_Said).decode


class ChanWebSocketDialect:
    """One connection. `parameters`: of the address that Asterisk asked for."""

    lead = AHEAD_US
    grain = SLICE_US

    def __init__(self, parameters: Mapping[str, str] | None = None) -> None:
        self.format = FORMATS["slin"]  # until the start says otherwise
        self._parameters = parameters or {}
        self._size = 0  # bytes of a frame; 0 before the start
        self._json = False
        self._marks = Marks()
        self._held = False  # whether Asterisk wants no more for now
        self._waiting: deque[Message] = deque()
        self._end = ("", 0)  # of what was sent last: the item, and the place in it

    # ------------------------------------------------------------ from Asterisk

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a message of Asterisk means; WireError where it means nothing."""
        if isinstance(message, bytes):
            if not self._size:
                raise WireError("Expected MEDIA_START first, and sound came.")
            if whole := message[: len(message) // self.format.width * self.format.width]:
                yield of.CallerAudio(whole)
            return
        said, is_json = _parse(message)
        if said.event == "MEDIA_START":
            yield self._joined(said, is_json)
            yield Reply(self._command("ANSWER"))  # written once the call is let in
        elif not self._size:
            raise WireError(f"Expected MEDIA_START first, and {said.event[:40]!r} came.")
        else:
            yield from self._fact(said)

    def _fact(self, said: _Said) -> Iterator[of.FromCaller | Reply]:
        match said.event:
            case "MEDIA_MARK_PROCESSED":
                if (played := self._marks.echoed(said.correlation_id)) is not None:
                    yield played
            case "DTMF_END":
                if len(said.digit) != 1:
                    raise WireError("Expected one digit in DTMF_END.", 1007)
                yield from pressed(said.digit)
            case "MEDIA_XOFF":
                self._held = True
            case "MEDIA_XON":
                self._held = False
                yield from map(Reply, self._waiting)
                self._waiting.clear()
            case "ERROR":
                log.warning("Asterisk refused a command", extra={"why": said.error_text[:200]})

    def _joined(self, said: _Said, is_json: bool) -> of.CallerJoined:
        if self._size:
            raise WireError("Expected one MEDIA_START on a connection, and another came.")
        form = FORMATS.get(said.format.lower())
        if form is None or said.optimal_frame_size <= 0:
            raise WireError(f"{CODEC} The format is {said.format[:40]!r}.", 1003)
        if said.optimal_frame_size % form.width or said.optimal_frame_size > LARGEST:
            raise WireError(f"Expected frames of whole samples, not {said.optimal_frame_size} B.")
        self.format, self._size, self._json = form, said.optimal_frame_size, is_json
        named = {
            name.lstrip("_"): value
            for name, value in words(said.channel_variables).items()
            if not name.startswith(OURS)
        }
        known = {"channel": said.channel, "channel_id": said.channel_id}
        given = {**{name: value for name, value in known.items() if value}, **named}
        given.update(self._parameters)
        return of.CallerJoined(
            given.pop("from", ""),
            reports_playback=True,
            called=given.pop("to", ""),
            metadata=given,
        )

    # ------------------------------------------------------------ to Asterisk

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect: sound, marks between it, and its taking back."""
        match effect:
            case to.Play():
                pieces = slices(effect, self.format)
                yield from self._in_turn(
                    self._marks.among(pieces, self.format, self._frames, self._mark)
                )
            case to.Flush(generation):
                self._marks.flushed(generation)
                self._waiting.clear()
                self._end = ("", 0)
                yield self._command("FLUSH_MEDIA")

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """Hang up, where there is a call."""
        del reason, error
        if self._size:
            yield self._command("HANGUP")

    def _in_turn(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Those messages, or none of them while Asterisk wants no more."""
        if not self._held:
            yield from messages
            return
        most = HELD_US // SLICE_US * 2
        for message in messages:
            if len(self._waiting) < most:
                self._waiting.append(message)

    def _frames(self, piece: to.Play) -> Iterator[Message]:
        pcm = self._whole(piece)
        most = LARGEST // self._size * self._size
        for at in range(0, len(pcm), most):
            yield pcm[at : at + most]

    def _mark(self, name: str) -> Message:
        return self._command("MARK_MEDIA", name)

    def _whole(self, piece: to.Play) -> bytes:
        """In whole frames. The call sends no others, but where an item ends; and a resampler holds
        its first samples back, so that they are short by as much where an item begins."""
        goes_on = self._end == (piece.item_id, piece.position)
        self._end = (piece.item_id, piece.position + self.format.samples(piece.pcm))
        missing = -len(piece.pcm) % self._size
        if not missing:
            return piece.pcm
        silence = self.format.silence(missing // self.format.width)
        return piece.pcm + silence if goes_on else silence + piece.pcm

    def _command(self, name: str, mark: str = "") -> str:
        if not self._json:
            return f"{name} {mark}" if mark else name
        told = {"command": name, "correlation_id": mark} if mark else {"command": name}
        return msgspec.json.encode(told).decode()


def _parse(message: str) -> tuple[_Said, bool]:
    """A control message, and whether it is JSON."""
    try:
        if message.lstrip().startswith("{"):
            return _DECODE(message), True
        return msgspec.convert(_plain(message), _Said, strict=False), False
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"Expected a message of chan_websocket: {error}.", 1007) from error


def _plain(message: str) -> dict[str, str]:
    """`NAME key:value key:value`, or `NAME id`; the text of an error is the rest of the line."""
    event, _, rest = message.strip().partition(" ")
    if not event.isidentifier() or not event.isupper():
        raise WireError("Expected an event of chan_websocket, in capitals.", 1007)
    if ":" not in rest:
        return {"event": event, "correlation_id": rest.strip()}
    rest, _, text = rest.partition("error_text:")
    pairs = (word.partition(":") for word in rest.split())
    fields = {name: value for name, _, value in pairs}
    return {**fields, "error_text": text, "event": event}
