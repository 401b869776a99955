"""AudioHook, Genesys Cloud's protocol, of its monitor and of its Audio Connector: a state machine.

    waiting ── open ──► open ── disconnect (ours) ──► leaving ── close ──► closed
       │                 └────────────── close ───────────────────────────────▲
       └── open of a connection probe ──► probing ── close ───────────────────┘

Follows "AudioHook protocol reference", version 2. JSON text messages are counted on both sides
and say how many of the other side's have come; PCMU goes in binary messages, to the Connector's
side too. Close codes: 1003 for media that are not known, 1007 for text that is no such message,
1008 for messages out of order, 1009 for what is too large.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from audio.format import Format
from gateway.call import effects as to
from gateway.call import events as of
from gateway.callers import carrier
from gateway.callers.dialect import Message, Reply
from gateway.callers.genesys_played import Played
from gateway.errors import WireError

log = logging.getLogger(__name__)

PROTOCOL = "AudioHook"
NOBODY = "00000000-0000-0000-0000-000000000000"  # the conversation of a connection probe
LONGEST_TEXT = 65_535  # characters
LONGEST_AUDIO = 64_000  # bytes
PACKET_US = 200_000  # sound goes out in whole ones of these: the limit is five messages a second

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Position = Annotated[str, msgspec.Meta(pattern=r"^PT([0-9]*\.)?[0-9]+S\Z", max_length=40)]
State = Literal["waiting", "probing", "open", "leaving", "closed"]


class _Message(msgspec.Struct):
    version: str
    id: Text
    type: str
    seq: Count
    serverseq: Count
    position: Position
    parameters: msgspec.Raw


class _Participant(msgspec.Struct, rename="camel"):
    id: Text = ""
    ani: Text = ""
    ani_name: Text = ""
    dnis: Text = ""


class _Media(msgspec.Struct):
    type: str
    format: str
    channels: list[str]
    rate: int


class _Open(msgspec.Struct, rename="camel"):
    conversation_id: Text
    media: list[dict[str, Any]]
    organization_id: Text = ""
    participant: _Participant = msgspec.field(default_factory=_Participant)
    language: Text = ""
    input_variables: dict[str, str] = {}


class _Close(msgspec.Struct):
    reason: str = "end"


class _Dtmf(msgspec.Struct):
    digit: str


class _Error(msgspec.Struct):
    code: int | str = ""
    message: str = ""


_MESSAGE = msgspec.json.Decoder(_Message)
_PARAMETERS = {
    name: msgspec.json.Decoder(kind)
    for name, kind in {"open": _Open, "close": _Close, "dtmf": _Dtmf, "error": _Error}.items()
}


class AudioHookDialect:
    """One session. `session`: its id, as the upgrade has it; `mute`: a monitor takes no sound.

    `variable`: the output variable that says whom to transfer to; `reports`: whether Genesys says
    when it plays.
    """

    format = Format("pcmu", 8_000)
    lead = 4 * PACKET_US
    grain = 2 * PACKET_US

    def __init__(
        self,
        session: str = "",
        *,
        mute: bool = False,
        variable: str = "Target",
        reports: bool = True,
    ) -> None:
        self._session = session
        self._mute = mute
        self._variable = variable
        self._reports = reports and not mute
        self._state: State = "waiting"
        self._ours = 0  # messages that were written
        self._theirs = 0
        self._channels = 1
        self._played = Played()

    def decode(self, message: Message) -> Iterator[of.FromCaller | Reply]:
        """What a message of Genesys means."""
        if isinstance(message, bytes):
            yield from self._audio(message)
            return
        said = self._counted(message)
        if self._state == "closed":
            return
        begun = self._state != "waiting"
        carrier.expect_order(begun, said.type == "open", f"a message {said.type[:40]!r}")
        match said.type, self._about(said):
            case "open", _Open() as opening:
                yield from self._opened(opening)
            case "ping", _:
                yield self._owed("pong", {}, said.seq)
            case "close", _Close(reason):
                yield self._owed("closed", {}, said.seq)
                self._state = "closed"
                yield of.CallerLeft("line broke" if reason == "error" else "hung up")
            case "dtmf", _Dtmf(digit) if self._state == "open":
                yield from carrier.pressed(digit)
            case "playback_started", _:
                yield from self._played.started()
            case "playback_completed", _:
                yield from self._played.completed()
            case "error", _Error(code):
                log.warning("Genesys reports an error", extra={"code": code})

    def encode(self, effect: to.ToCaller) -> Iterator[Message]:
        """The messages that carry out an effect."""
        if self._state != "open" or self._mute:
            return
        match effect:
            case to.Play(_, pcm):
                for at in range(0, len(pcm), LONGEST_AUDIO):
                    yield pcm[at : at + LONGEST_AUDIO]
                self._played.sent(effect)
            case to.Flush():
                self._played.flushed()
                entity = {"type": "barge_in", "data": {}}
                yield self._said("event", {"entities": [entity]})
            case to.Transfer(target):
                yield from self._disconnect("completed", {self._variable: target})

    def farewell(self, reason: str, error: WireError | None) -> Iterator[Message]:
        """A disconnect, which Genesys answers with a close."""
        if self._session and self._state in ("waiting", "open"):
            info = {"info": str(error)} if error is not None else {}
            yield from self._disconnect("completed" if error is None else "error", {}, info)

    # ------------------------------------------------------------ what is said

    def _said(self, kind: str, about: Mapping[str, Any], seen: int | None = None) -> str:
        self._ours += 1
        known = {"version": "2", "id": self._session, "type": kind, "seq": self._ours}
        seen = self._theirs if seen is None else seen
        return msgspec.json.encode({**known, "clientseq": seen, "parameters": about}).decode()

    def _owed(self, kind: str, about: Mapping[str, Any], seen: int) -> Reply:
        return Reply(partial(self._said, kind, about, seen), at_once=self._state == "probing")

    def _disconnect(
        self, reason: str, variables: Mapping[str, str], info: Mapping[str, str] | None = None
    ) -> Iterator[str]:
        self._state = "leaving"
        output = {"outputVariables": variables} if variables else {}
        yield self._said("disconnect", {"reason": reason, **(info or {}), **output})

    # ------------------------------------------------------------ what is heard

    def _counted(self, message: str) -> _Message:
        if len(message) > LONGEST_TEXT:
            raise WireError(f"Expected text of at most {LONGEST_TEXT} characters.", 1009)
        said: _Message = carrier.parse(_MESSAGE, message, PROTOCOL)
        session = self._session or said.id
        expected = ("2", session, self._theirs + 1)
        if (said.version, said.id, said.seq) != expected or said.serverseq > self._ours:
            raise WireError(
                f"Expected version 2, the session's id, seq {self._theirs + 1} and serverseq "
                f"up to {self._ours}, and a message {said.type[:40]!r} with version "
                f"{said.version[:4]!r}, seq {said.seq} and serverseq {said.serverseq} came."
            )
        self._session, self._theirs = session, said.seq
        return said

    def _about(self, said: _Message) -> Any:
        decoder = _PARAMETERS.get(said.type)
        return None if decoder is None else carrier.parse(decoder, bytes(said.parameters), PROTOCOL)

    def _audio(self, audio: bytes) -> Iterator[of.CallerAudio]:
        if self._state in ("waiting", "probing"):
            raise WireError("Expected audio after opened only, and a binary message came before.")
        if len(audio) > LONGEST_AUDIO:
            raise WireError(f"Expected at most {LONGEST_AUDIO} bytes of audio at once.", 1009)
        if self._state == "open" and (caller := audio[:: self._channels]):  # the first is external
            yield of.CallerAudio(caller)

    def _opened(self, opening: _Open) -> Iterator[of.CallerJoined | Reply]:
        if opening.conversation_id == NOBODY:
            self._state = "probing"
            yield self._owed("opened", {"startPaused": False, "media": []}, self._theirs)
            return
        chosen = _choose(opening.media)
        self._state, self._channels = "open", len(chosen["channels"])
        yield self._owed("opened", {"startPaused": False, "media": [chosen]}, self._theirs)
        caller = opening.participant
        known = {
            "conversation_id": opening.conversation_id,
            "organization_id": opening.organization_id,
            "participant_id": caller.id,
            "caller_name": caller.ani_name,
            "language": opening.language,
        }
        given = {**opening.input_variables, **{k: v for k, v in known.items() if v}}
        yield of.CallerJoined(caller.ani, self._reports, caller.dnis, given)


def _choose(offered: list[dict[str, Any]]) -> dict[str, Any]:
    """The one of the offered media that has the caller, and best nothing but the caller."""
    fitting = []
    for media in offered:
        try:
            one = msgspec.convert(media, _Media)
        except msgspec.ValidationError:
            continue
        if (one.type, one.format, one.rate, one.channels[:1]) == (
            "audio",
            "PCMU",
            8000,
            ["external"],
        ):
            fitting.append(media)
    if not fitting:
        raise WireError("Expected media with PCMU at 8000 Hz and the channel external.", 1003)
    return min(fitting, key=lambda media: len(media["channels"]))
