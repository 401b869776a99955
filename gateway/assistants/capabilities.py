"""Capabilities: what a Realtime server understands, as flags that the dialect reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = Literal["ga", "beta"]
Law = Literal["pcm", "pcmu", "pcma"]


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


OPENAI = Capabilities()


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How audio is written on the wire."""

    law: Law
    rate: int  # Hz

    def wire(self) -> dict[str, object]:
        """As the protocol's `format` object."""
        if self.law == "pcm":
            return {"type": "audio/pcm", "rate": self.rate}
        return {"type": f"audio/{self.law}"}


def wire_formats(rate: int, able: Capabilities) -> tuple[WireFormat, WireFormat]:
    """What to send and what to receive for a call at so many Hz: G.711 at 8 kHz, else PCM."""
    if rate == 8_000 and "pcmu" in able.formats:
        return WireFormat("pcmu", 8_000), WireFormat("pcmu", 8_000)
    return WireFormat("pcm", able.input_rate), WireFormat("pcm", able.output_rate)
