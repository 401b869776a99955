"""The three parts of the embedded assistant as Protocols, and what passes between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

EARS_RATE = 16_000  # Hz of what Ears hear
MOUTH_RATE = 24_000  # Hz of what a Mouth says

# ---------------------------------------------------------------- what a Mind sees


@dataclass(frozen=True, slots=True)
class Heard:
    """The user said (or typed) this. Several in a row without an answer are one utterance."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """The assistant said this: only what was heard of it, and `cut` if it was interrupted there."""

    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """The assistant called a function."""

    call_id: str
    name: str
    arguments: str  # JSON text


@dataclass(frozen=True, slots=True)
class Returned:
    """The function answered."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class Told:
    """A system message in the conversation."""

    text: str


Line = Heard | Said | Called | Returned | Told


@dataclass(frozen=True, slots=True)
class Function:
    """A function that may be called."""

    name: str
    description: str
    parameters: dict[str, Any]  # JSON schema of an object


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a Mind gets to know when an answer is wanted."""

    instructions: str  # of the session
    lines: tuple[Line, ...]  # oldest first
    functions: tuple[Function, ...] = ()
    choice: str = "auto"  # auto, none, required, or the name of the one function to call
    request: str = ""  # instructions for this answer alone
    max_tokens: int | None = None


# ---------------------------------------------------------------- what a Mind answers


@dataclass(frozen=True, slots=True)
class Say:
    """Say this: a sentence or a part of one that can be spoken at once."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of a function call's arguments as they are thought of; the first one names it."""

    index: int  # which of the parallel calls
    name: str
    arguments: str  # the next piece of JSON text


Thought = Say | CallPiece


class Ears(Protocol):
    """Speech to text."""

    async def transcribe(self, pcm: bytes) -> str:
        """The words in PCM16 mono at EARS_RATE, or nothing. Runs off the event loop."""
        ...

    async def close(self) -> None: ...


class Mind(Protocol):
    """From a situation to words and function calls."""

    def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        """Stream an answer until `aclose`, if not to its end. Keeps no state of a session."""
        ...

    async def close(self) -> None: ...


class Mouth(Protocol):
    """Text to speech."""

    def speak(self, text: str, *, voice: str = "", speed: float = 1.0) -> AsyncIterator[bytes]:
        """PCM16 mono at MOUTH_RATE, in pieces as they are made; stops at once on `aclose`."""
        ...

    async def close(self) -> None: ...
