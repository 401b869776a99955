"""Usage: the tokens that a model reports for one answer."""

from __future__ import annotations

from gateway.call.value import value


@value
class Usage:
    """Tokens that one response cost; cached ones are part of the input."""

    input_text: int = 0
    input_audio: int = 0
    cached_text: int = 0
    cached_audio: int = 0
    output_text: int = 0
    output_audio: int = 0
    input_image: int = 0
    cached_image: int = 0


NOTHING_USED = Usage()
