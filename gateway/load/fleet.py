"""Fleet: as many callers as are wanted, begun one after another, all beating to one wheel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from gateway.load.caller import Behaviour, Caller
from gateway.load.clips import Clip
from gateway.load.lines.line import CallFailedError, Line, Way
from gateway.load.notes import CallBegan, CallEnded, Note, Pulse
from gateway.load.pulse import Wheel

AT_ONCE = 20  # calls that are being placed


class Fleet:
    """The callers of one process."""

    def __init__(
        self,
        way: Way,
        clips: Sequence[Clip],
        behaviour: Behaviour,
        tell: Callable[[Note], None],
        name: str = "callers",
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._way, self._clips, self._behaviour = way, clips, behaviour
        self._tell, self._name = tell, name
        self._wheel = Wheel()
        self._live: dict[int, Line] = {}
        self._placing: set[asyncio.Task[None]] = set()
        self._numbers = numbers or count(1)

    async def grow(self, calls: int, per_second: float) -> None:
        """Place so many calls more; returns when the last of them was answered or was not."""
        loop, places = asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)

        def placed(task: asyncio.Task[None]) -> None:
            self._placing.discard(task)
            places.release()

        began = loop.time()
        for number in range(calls):
            await asyncio.sleep(began + number / per_second - loop.time())
            await places.acquire()
            task = asyncio.create_task(self._place(next(self._numbers)))
            self._placing.add(task)
            task.add_done_callback(placed)
        await asyncio.gather(*self._placing)

    def shrink(self, calls: int | None = None) -> None:
        """So many callers hang up, or all."""
        for number in list(self._live)[:calls]:
            line = self._leave(number)
            if line is not None:
                line.hang_up()
                self._tell(CallEnded(number, time.monotonic()))

    async def close(self) -> None:
        """Hang up, and place no more."""
        for task in self._placing:
            task.cancel()
        await asyncio.gather(*self._placing, return_exceptions=True)
        self.shrink()
        await self._way.close()

    def pulse(self) -> Pulse:
        """How it goes."""
        late = self._wheel.lateness()
        return Pulse(self._name, time.monotonic(), late, len(self._live))

    async def _place(self, number: int) -> None:
        caller = Caller(number, self._way.form, self._clips, self._behaviour, self._tell)
        over = asyncio.Event()
        why = ["", ""]

        def ended(cause: str, detail: str) -> None:
            why[:] = cause, detail
            over.set()
            if self._leave(number) is not None:
                self._tell(CallEnded(number, time.monotonic(), cause, detail))

        began = time.monotonic()
        try:
            line = await self._way.call(caller, ended)
        except CallFailedError as error:
            self._tell(CallEnded(number, time.monotonic(), error.cause, error.detail, began=False))
            return
        now = time.monotonic()
        if over.is_set():
            self._tell(CallEnded(number, now, why[0], why[1], began=False))
            return
        self._tell(CallBegan(number, now, now - began))
        self._live[number] = line
        self._wheel.join(line.beat)

    def _leave(self, number: int) -> Line | None:
        line = self._live.pop(number, None)
        if line is not None:
            self._wheel.leave(line.beat)
        return line
