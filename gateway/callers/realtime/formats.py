"""Formats: how the protocol spells the audio on its wire."""

from __future__ import annotations

from collections.abc import Mapping

from audio.format import Format

PCM = Format("pcm16", 24_000)
SPELLED = {"audio/pcmu": Format("pcmu", 8_000), "audio/pcma": Format("pcma", 8_000)}


def format_of(spelled: Mapping[str, object]) -> Format:
    """The `format` of a session's or a response's audio."""
    return SPELLED.get(str(spelled.get("type")), PCM)
