"""A whole gateway for tests, on real sockets, with a small assistant that needs no models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from audio.tone import sine
from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.embedded.parts import (
    MOUTH_RATE,
    CallPiece,
    Heard,
    Returned,
    Say,
    Situation,
    Thought,
)
from gateway.embedded.server import Assistant, ServerOptions
from gateway.embedded.server import serve as serve_embedded
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.settings import load
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tools.spec import Tool
from tools.toolbox import Toolbox


class EchoEars:
    """Hears in any sound that somebody spoke, and for how long."""

    async def transcribe(self, pcm: bytes) -> str:
        return f"I spoke for {len(pcm) // 32} milliseconds." if any(pcm) else ""

    async def close(self) -> None:
        pass


@dataclass
class PlainMind:
    """Calls the first function at the first turn, if there is one, and then says its sentence."""

    sentence: str = "This is an answer of some length, so that there is time to interrupt it."
    call: str = ""  # the function to call, with no arguments
    pause: float = 0.0  # seconds before it speaks

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        last = situation.lines[-1] if situation.lines else None
        if self.call and isinstance(last, Heard):
            yield CallPiece(0, self.call, "{}")
            return
        if isinstance(last, Returned):
            yield Say(f"The result is {last.output}.")
        await asyncio.sleep(self.pause)
        yield Say(self.sentence)

    async def close(self) -> None:
        pass


class ToneMouth:
    """Speaks a tone, 60 ms a character."""

    async def speak(
        self, text: str, *, voice: str = "", speed: float = 1.0
    ) -> AsyncIterator[bytes]:
        pcm = sine(440, len(text) * 0.06, MOUTH_RATE)
        for at in range(0, len(pcm), 9600):
            await asyncio.sleep(0)
            yield pcm[at : at + 9600]

    async def close(self) -> None:
        pass


@dataclass
class House:
    """An open gateway and where it listens."""

    gateway: Gateway
    address: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def browser(self) -> str:
        """The address of the browser's socket."""
        return self.address.replace("http://", "ws://") + "/browser"


@asynccontextmanager
async def open_house(
    mind: Any = None,
    tools: Iterable[Tool[..., Any]] = (),
    variables: Mapping[str, str] | None = None,
    options: ServerOptions | None = None,
    ears: Any = None,
    mouth: Any = None,
) -> AsyncIterator[House]:
    """A gateway that answers with a tone."""
    settings = load(None, variables or {})
    assistant = Assistant(ears or EchoEars(), mind or PlainMind(), mouth or ToneMouth())
    with Toolbox(tools) as toolbox, listen("127.0.0.1", 0) as bound:
        async with serve_embedded(assistant, options=options) as model:
            target = Target(kind="embedded", base_url=model.base_url)
            board = Switchboard(settings.server.max_calls)
            gateway = Gateway(settings, target, toolbox, board, Metrics(), access=Access(settings))
            async with listening(gateway, bound) as address:
                yield House(gateway, address)
                await board.drain(0)


def message(kind: str, **fields: Any) -> str:
    """A message of the browser's protocol."""
    return json.dumps({"type": kind, **fields})
