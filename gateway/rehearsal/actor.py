"""Plays a script: knows when it is the caller's turn, and does what is written for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, assert_never

from gateway.rehearsal.script import (
    THINK,
    Act,
    Interrupt,
    Keep,
    Press,
    Say,
    Script,
    Think,
    Type,
)

UNANSWERED = 8.0  # seconds of quiet after which an answer to interrupt will not come any more
# Seconds that the gateway may take to notice what the caller did, before quiet means no answer.
PATIENCE = {Say: 0.3, Type: 1.0, Press: 3.0, Keep: 0.0}


class ActorError(Exception):
    """The script cannot go on; the message says why."""


class Stage(Protocol):
    """What an actor can do in a call."""

    async def say(self, pcm: bytes) -> None: ...

    def type(self, text: str) -> None: ...

    async def press(self, digits: str) -> None: ...


class Actor:
    """One play of a script. `state` and `sounded` tell it how the call goes."""

    def __init__(self, script: Script, sounds: Mapping[Path, bytes], stage: Stage) -> None:
        self._script = script
        self._sounds = sounds
        self._stage = stage
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._state = "listening"
        self._since = self._loop.time()  # of that state
        self._noticed = True  # whether the gateway has shown a state since the last act began
        self._acted = self._since  # when the last act ended
        self._patience = 0.0
        self._spoke_at: float | None = None  # when the assistant began to answer the last act
        self.done = False  # whether all turns were done; their last answer may still go on

    # ------------------------------------------------------------ what the call tells

    def state(self, state: str) -> None:
        """Whose turn it is now."""
        if state != self._state:
            self._state, self._since = state, self._loop.time()
        if state == "hearing":
            self._spoke_at = None
        self._noticed = True
        self._changed.set()

    def sounded(self) -> None:
        """The caller begins to hear an item."""
        if self._spoke_at is None:
            self._spoke_at = self._loop.time()
        self._changed.set()

    def flushed(self) -> None:
        """What the assistant was saying has been stopped."""
        self._spoke_at = None

    # ------------------------------------------------------------ the play

    async def play(self) -> None:
        """Do all turns, and return when the last answer has ended. Raises ActorError."""
        for turn in self._script.turns:
            match turn.when:
                case Think(seconds):
                    await self._wait_for_quiet(seconds)
                case Interrupt(seconds):
                    await self._wait_for_speech(seconds)
                case _:
                    assert_never(turn.when)
            await self._do(turn.act)
        self.done = True
        await self._wait_for_quiet(THINK)

    async def _do(self, act: Act) -> None:
        self._noticed, self._spoke_at = False, None
        match act:
            case Say(path):
                await self._stage.say(self._sounds[path])
            case Type(text):
                self._stage.type(text)
            case Press(digits):
                await self._stage.press(digits)
            case Keep(seconds):
                await asyncio.sleep(seconds)
            case _:
                assert_never(act)
        self._acted, self._patience = self._loop.time(), PATIENCE[type(act)]

    def _quiet_since(self) -> float | None:
        """Since when the assistant waits for the caller; None while it does not."""
        if self._state != "listening":
            return None
        acted = self._acted if self._noticed else self._acted + self._patience
        return max(self._since, acted)

    async def _wait_for_quiet(self, seconds: float) -> None:
        def due() -> float | None:
            since = self._quiet_since()
            return None if since is None else since + seconds

        await self._wait_until(due)

    async def _wait_for_speech(self, seconds: float) -> None:
        def due() -> float | None:
            if self._spoke_at is not None:
                return self._spoke_at + seconds
            since = self._quiet_since()
            return None if since is None else since + UNANSWERED

        await self._wait_until(due)
        if self._spoke_at is None:
            raise ActorError("there was no answer that could be interrupted")

    async def _wait_until(self, due: Callable[[], float | None]) -> None:
        """Wait until a moment that whatever happens in the call may move."""
        while (when := due()) is None or when > self._loop.time():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(when):
                    await self._changed.wait()
