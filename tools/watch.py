"""A watch over what tools do on the event loop: which holds it up, and which does not let go."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Coroutine, Generator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

HEED = 5.0  # seconds in which a cancelled tool is to have ended
SLOW = 0.1  # seconds for which a tool may hold the loop in one go
LOOK = 0.25  # seconds between two looks at a step that does not end
IDLE = 5.0  # seconds without a step after which the thread that looks ends

OURS = Path(__file__).parent

log = logging.getLogger(__name__)


class Watch:
    """Times the steps of tools, and looks, from a thread, at one that does not come back."""

    def __init__(self) -> None:
        self._step: _Steps | None = None  # what is under way
        self._steps = 0  # since the thread has looked
        self._lock = threading.Lock()
        self._looks = False  # whether the thread is there
        self.left: deque[Coroutine[Any, Any, Any]] = deque(maxlen=64)  # that would not end

    async def over(self, name: str, work: Coroutine[Any, Any, T]) -> T:
        """The same work. Where a step of it is slow, the operator is told the tool and the place.

        Cancelled, it has a moment to end; if it swallows that, it is not driven any further.
        A step is what happens between two awaits. Tasks that the work starts are not watched.
        """
        result: T = await _Steps(name, work, self)
        return result

    def began(self, step: _Steps) -> None:
        """A step is under way on the loop. Wakes nobody: that would cost more than most steps."""
        self._step = step
        self._steps += 1
        if not self._looks:
            with self._lock:
                self._looks = True
                threading.Thread(target=self._look, name="watch", daemon=True).start()

    def ended(self) -> None:
        """No step is under way."""
        self._step = None

    def _look(self) -> None:
        """In a thread: look now and then, and end when there has been nothing to see for long."""
        idle = 0.0
        while idle < IDLE:
            before = self._steps
            time.sleep(LOOK)
            step = self._step
            if step is not None and (held := time.monotonic() - step.began) > LOOK:
                step.tell(held, _place(sys._current_frames().get(step.thread)))
            idle = 0.0 if step is not None or self._steps != before else idle + LOOK
        with self._lock:
            self._looks = False


class _Steps:
    """Drives a coroutine step by step."""

    def __init__(self, name: str, work: Coroutine[Any, Any, Any], watch: Watch) -> None:
        self.began = 0.0
        self.thread = threading.get_ident()
        self._name = name
        self._work = work
        self._watch = watch
        self._told = False
        self._task = asyncio.current_task()
        self._cancelled = self._task.cancelling() if self._task is not None else 0
        self._end: asyncio.TimerHandle | None = None  # of the moment in which it is to end
        self._overdue = False

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            return (yield from self._drive())
        finally:
            if self._end is not None:
                self._end.cancel()

    def _drive(self) -> Generator[Any, Any, Any]:
        sent: Any = None
        raised: BaseException | None = None
        while True:
            try:
                awaited = self._step(sent, raised)
            except StopIteration as done:
                return done.value
            sent = raised = None
            try:
                sent = yield awaited
            except BaseException as error:  # a cancellation among them: the coroutine is to know
                if self._overdue:
                    self._leave()
                    raise
                if isinstance(error, asyncio.CancelledError) and self._end is None:
                    loop = asyncio.get_running_loop()
                    self._end = loop.call_later(HEED, self._ought_to_have_ended)
                raised = error

    def _ought_to_have_ended(self) -> None:
        """It was cancelled a while ago; if that was not its own timeout, it has swallowed it."""
        self._end = None
        if self._task is not None and self._task.cancelling() > self._cancelled:
            self._overdue = True
            self._task.cancel()

    def _leave(self) -> None:
        """Drive it no further. It is kept, for to throw it away is to ask it once more to end."""
        if self._task is not None:
            self._task.uncancel()  # our own order, which whoever gave the first must not count
        log.warning(
            "a tool goes on though it was cancelled, and is left", extra={"tool": self._name}
        )
        self._watch.left.append(self._work)

    def _step(self, sent: Any, raised: BaseException | None) -> Any:
        self.began = began = time.monotonic()
        self._watch.began(self)
        try:
            return self._work.send(sent) if raised is None else self._work.throw(raised)
        finally:
            self._watch.ended()
            if (held := time.monotonic() - began) > SLOW:
                self.tell(held, "")

    def tell(self, held: float, where: str) -> None:
        """Say so, once for each run."""
        if not self._told:
            self._told = True
            fields = {"tool": self._name, "ms": round(held * 1000), "where": where}
            log.warning(
                "a tool holds up every call: it blocks the event loop; "
                "define it without async, so that it runs in a thread",
                extra=fields,
            )


def _place(frame: FrameType | None) -> str:
    """File and line where the tool's own code is, as far out as it goes."""
    stack = [(one.filename, one.lineno) for one in traceback.extract_stack(frame)] if frame else []
    steps = [number for number, (file, _) in enumerate(stack) if file == __file__]
    if not steps:
        return ""  # it has come back meanwhile
    inside = stack[steps[-1] + 1 :]
    own = [place for place in inside if Path(place[0]).parent != OURS] or inside
    return f"{own[0][0]}:{own[0][1]}" if own else ""
