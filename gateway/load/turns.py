"""Turns by loudness, for gateways that leave it to the model to say when a caller has spoken."""

from __future__ import annotations

from typing import Literal

from audio.pcm import peak_dbfs, samples

LOUD = -40.0  # dBFS, of a piece's loudest sample
SURE = 0.08  # seconds of loud sound that begin a turn


class Loudness:
    """Says when speech began and when it has been quiet for long enough."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._loud = 0.0
        self._quiet = 0.0
        self._speaking = False

    def push(self, pcm: bytes, rate: int) -> Literal["", "started", "stopped"]:
        """What a piece of PCM16 at that rate brings about."""
        seconds = samples(pcm) / rate
        if peak_dbfs(pcm) > LOUD:
            self._loud, self._quiet = self._loud + seconds, 0.0
            if not self._speaking and self._loud >= SURE:
                self._speaking = True
                return "started"
            return ""
        self._quiet += seconds
        if self._quiet >= self._silence:
            self._loud = 0.0
            if self._speaking:
                self._speaking = False
                return "stopped"
        return ""
