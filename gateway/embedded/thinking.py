"""The embedded assistant's mind: which one thinks, chosen by its settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from gateway.embedded.mind.local import LocalMind
from gateway.embedded.mind.meaning import find_meaning
from gateway.embedded.mind.script import ScriptMind, Step
from gateway.embedded.parts import Mind
from gateway.errors import SettingsError

__all__ = ["LocalMind", "ScriptMind", "Step", "find_mind"]


def find_mind(
    *,
    base_url: str = "",
    model: str = "",
    api_key: str = "",
    now: Callable[[], datetime] | None = None,
) -> Mind:
    """The mind at an OpenAI-compatible endpoint where one is named, else the built-in one.

    Loads MiniLM for the built-in mind where its package is installed (some 100 ms, so call it
    off the event loop or before serving). `now` is the built-in mind's clock.
    """
    if not base_url and not model:
        meaning = find_meaning()
        return LocalMind(meaning, now=now) if now else LocalMind(meaning)
    if not re.match(r"https?://[^/\s]+", base_url):
        raise SettingsError(
            f"assistant.mind.base_url: expected an address such as http://localhost:11434/v1, "
            f"got {base_url!r}"
        )
    if not model:
        raise SettingsError(
            "assistant.mind.model: expected the name of a model that the endpoint serves, "
            "such as llama3.2, got nothing"
        )
    from gateway.embedded.mind.chat import ChatMind  # the SDK takes time to load

    return ChatMind(base_url, model, api_key)
