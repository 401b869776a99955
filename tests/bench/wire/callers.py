"""Scripted callers: many calls from one process, by the lines of `trunkline load`.

    python -m tests.bench.wire.callers WAY URL CALLS SECONDS INTERRUPTING TOKEN REPORT

Prints "talking" once all calls are under way, and writes what it saw into the report.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from pathlib import Path

import uvloop

from audio.format import Format
from gateway.load.lines.line import Line
from gateway.load.lines.ways import Target, way_to
from gateway.load.pulse import FRAME, Wheel
from tests.bench.wire.script import BITS, CYCLE, MAGIC, coded, numbers, said
from tests.bench.wire.ways import WAYS

AT_ONCE = 20  # calls that are being placed
APART = 7  # frames between the beginnings of two neighbours, so that not all speak at once


class Log:
    """What all calls saw."""

    def __init__(self) -> None:
        self.spoke = array("d")  # call, frame, when
        self.heard = array("d")  # answer, when
        self.cleared = array("d")  # call, when
        self.media = 0  # pieces of sound
        self.sound = 0.0  # seconds of it, but for silence
        self.lost = 0


class Caller:
    """One call's script, and its ear."""

    def __init__(self, number: int, form: Format, frames: list[bytes], log: Log) -> None:
        self.number = number
        self._form = form
        self._frames = frames
        self._log = log
        self._next = 0
        self._silence = form.silence(len(frames[0]) // form.width)
        self._quiet = True  # whether the piece before was silence

    @property
    def ear(self) -> Caller:
        """Itself: what it hears is only noted."""
        return self

    def answered(self, now: float) -> None:
        """The gateway took the call."""

    def frame(self, now: float) -> bytes:
        """The next 20 ms."""
        if self._next >= len(self._frames):
            return self._silence
        number, self._next = self._next, self._next + 1
        sound = coded(self._frames[number], self.number, number, self._form)
        self._log.spoke.extend((self.number, number, time.monotonic()))
        return sound

    def sound(self, now: float, audio: bytes) -> None:
        """A piece came."""
        self._log.media += 1
        quiet, self._quiet = self._quiet, audio == self._silence
        if self._quiet:
            if not quiet:
                self.cleared(now)  # of a line that has no other word for it
            return
        whose, number = numbers(audio[: BITS * self._form.width], self._form)
        if whose == MAGIC:
            self._log.heard.extend((number, now))
        self._log.sound += self._form.samples(audio) / self._form.rate

    def cleared(self, now: float) -> None:
        """What was not heard yet is taken back."""
        self._log.cleared.extend((self.number, now))


async def main() -> None:
    name, url, calls, seconds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
    interrupting, token, report = int(sys.argv[5]), sys.argv[6], Path(sys.argv[7])
    form, log = WAYS[name].form, Log()
    way = way_to(Target(WAYS[name].protocol, url, token))
    frames = said(seconds * 50 // CYCLE + 2, interrupting, form)
    loop, places = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

    def over(cause: str, detail: str) -> None:
        log.lost += 1
        sys.stderr.write(f"a call was lost: {cause}: {detail}\n")

    async def place(number: int) -> Line:
        async with places:
            return await way.call(Caller(number, form, frames, log), over)

    lines = await asyncio.gather(*(place(number) for number in range(1, calls + 1)))
    print("talking", flush=True)
    began, wheel = time.monotonic(), Wheel()
    for number, line in enumerate(lines):
        loop.call_later(number * APART % CYCLE * FRAME, wheel.join, line.beat)
    await asyncio.sleep(seconds)
    for line in lines:
        wheel.leave(line.beat)
        line.hang_up()
    seen = {name: list(getattr(log, name)) for name in ("spoke", "heard", "cleared")}
    counts = {name: getattr(log, name) for name in ("media", "sound", "lost")}
    report.write_text(json.dumps({"began": began, **seen, **counts}))
    await way.close()
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
