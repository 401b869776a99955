"""Capabilities: what a Realtime server understands, as flags that the dialect reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audio.format import Encoding, Format, pcm16

Shape = Literal["ga", "beta"]
Law = Literal["pcm", "pcmu", "pcma"]  # as the protocol names them: audio/pcm and so on


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One row of the table of providers. The defaults are OpenAI's API as generally available."""

    name: str = "openai"
    shape: Shape = "ga"
    formats: frozenset[Law] = frozenset({"pcm", "pcmu", "pcma"})
    input_rate: int = 24_000  # Hz of audio/pcm sent
    output_rate: int = 24_000  # Hz of audio/pcm received
    detectors: frozenset[str] = frozenset({"gateway", "server", "semantic"})
    truncation: bool = True  # conversation.item.truncate
    transcription: bool = True  # audio.input.transcription
    images: bool = True  # input_image items
    out_of_band: bool = True  # a null conversation_id means an answer outside the conversation
    flat_voice: bool = False  # voice and turn_detection at the top of a session, not under audio
    minutes: int = 60  # the longest session; 0: not known
    expiry: bool = True  # the session's expires_at says when it will end


OPENAI = Capabilities()


def wire_formats(call: Format, able: Capabilities) -> tuple[Format, Format]:
    """What to send and what to receive for a call in that format: G.711 at 8 kHz, else PCM."""
    law: Encoding = "pcma" if call.encoding == "pcma" else "pcmu"
    if call.rate == 8_000 and law in able.formats:
        return Format(law, 8_000), Format(law, 8_000)
    return pcm16(able.input_rate), pcm16(able.output_rate)


def spelled(wire: Format) -> dict[str, object]:
    """As the protocol's `format` object."""
    if wire.encoding == "pcm16":
        return {"type": "audio/pcm", "rate": wire.rate}
    return {"type": f"audio/{wire.encoding}"}
