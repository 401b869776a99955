"""An asyncio loop on a virtual clock: where nothing is ready, time jumps to the next timer.

For tests and for replaying calls faster than real time. Sockets are real: before the clock moves,
whatever is under way on them is let in. Where both ends of every connection are with the loop, the
system's own counts say whether anything is; elsewhere a short while is left to it.

While a job runs in an executor the clock stands still, however long the job takes, so that the work
of a thread costs no virtual time and no timer overtakes it. While a child process lives, time
passes at its real pace, for nobody can know what the child is about to do.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakSet

from gateway.errors import TrunklineError

GRACE = 0.0002  # real seconds left to a packet that may be on its way from one socket to another
FAR = 1.0  # virtual seconds: so long is mostly the limit of somebody who waits for a packet
PATIENT_GRACE = 0.02  # and worth waiting for a kernel that is behind with its work
FLIGHT = 0.25  # real seconds left to bytes that were seen to be on their way
UNHEARD = frozenset({"watch"})  # threads that look at files now and then, which nobody waits for
PATIENCE = 60.0  # real seconds that jobs may take while the clock stands still

Ready = list[tuple[selectors.SelectorKey, int]]
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StuckError(TrunklineError):
    """The clock stands still for a job that does not end."""


class _End:
    """A socket that somebody else owns: one end of a TCP connection, or one that listens."""

    # Of Linux's struct tcp_info: state, bytes received, not sent yet, sent, and sent again.
    INFO = struct.Struct("=B127xQ8xI52xQQ")
    OPTION = getattr(socket, "TCP_INFO", None)
    ESTABLISHED = 1

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._names: tuple[Any, Any] | None = None
        if self._socket.type != socket.SOCK_STREAM or self._socket.family == socket.AF_UNIX:
            self.let_go()
            raise OSError(f"descriptor {descriptor} is not of TCP")

    def let_go(self) -> None:
        """Have no more to do with it; it stays open."""
        self._socket.detach()

    def listens(self) -> bool:
        return bool(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def names(self) -> tuple[Any, Any]:
        """Its own and its peer's. Raises OSError where it has none yet."""
        if self._names is None:
            self._names = self._socket.getsockname(), self._socket.getpeername()
        return self._names

    def counts(self) -> tuple[int, int]:
        """Bytes sent and received. Raises OSError where they do not say what has arrived."""
        if self.OPTION is None:
            raise OSError("this system does not count")
        info = self._socket.getsockopt(socket.IPPROTO_TCP, self.OPTION, self.INFO.size)
        if len(info) < self.INFO.size:
            raise OSError("this system is too old to count")
        state, received, waiting, sent, again = self.INFO.unpack(info)
        if state != self.ESTABLISHED or waiting:
            raise OSError("it is being opened or closed, or its peer does not read")
        return sent - again, received


class _Wires:
    """The descriptors that a loop watches, as far as bytes may be on their way between them."""

    def __init__(self) -> None:
        self._ends: dict[int, _End | None] = {}  # none: nobody knows what may come by it
        self._pairs: list[tuple[_End, _End]] | None = []  # none: not every end has its other
        self._changed = False  # since they were paired

    def add(self, descriptor: int) -> None:
        """It is watched from now on."""
        try:
            self._ends[descriptor] = _End(descriptor)
        except OSError:
            self._ends[descriptor] = None
        self._changed = True

    def remove(self, descriptor: int) -> None:
        """It is watched no more."""
        if (end := self._ends.pop(descriptor, None)) is not None:
            end.let_go()
        self._changed = True

    def in_flight(self) -> bool | None:
        """Whether bytes are on their way; none where nobody can know."""
        try:
            if self._changed:
                self._changed, self._pairs = False, None
                self._pairs = _pairs(self._ends.values())
            if self._pairs is None:
                return None
            counts = [(one.counts(), other.counts()) for one, other in self._pairs]
        except OSError:
            return None
        return any(one != other[::-1] for one, other in counts)


def _pairs(ends: Iterable[_End | None]) -> list[tuple[_End, _End]] | None:
    """Both ends of each connection; none where an end is with somebody else."""
    found: list[tuple[_End, _End]] = []
    alone: dict[tuple[Any, Any], _End] = {}
    for end in ends:
        if end is None:
            return None
        if end.listens():
            continue
        own, peer = end.names()
        if (other := alone.pop((peer, own), None)) is not None:
            found.append((end, other))
        else:
            alone[own, peer] = end
    return None if alone else found


class _Selector(selectors.DefaultSelector):
    """A real selector which, where it would wait, asks the clock to move instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0  # virtual seconds
        self.holds = 0  # jobs for which the clock stands still
        self.children: WeakSet[asyncio.SubprocessTransport] = WeakSet()
        self.threads = WeakSet(threading.enumerate())  # those whose work holds the clock
        self._wires = _Wires()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        if len(self.get_map()) > 1:  # the first is the loop's own wake-up pipe
            self._wires.add(key.fd)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._wires.remove(key.fd)
        return key

    def close(self) -> None:
        for key in [*self.get_map().values()]:
            self._wires.remove(key.fd)
        super().close()

    def select(self, timeout: float | None = None) -> Ready:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.holds:
            return self._wait_for_jobs()
        if ready := self._wait_for_packets(patiently=timeout is not None and timeout >= FAR):
            return ready
        if timeout is None or any(child.get_returncode() is None for child in self.children):
            return self._wait_for_real(timeout)
        self.now += timeout
        return []

    def _wait_for_packets(self, *, patiently: bool) -> Ready:
        """Let in what is on its way, or may be."""
        flying = self._wires.in_flight()
        if flying:
            return super().select(FLIGHT)
        if flying is None or self._has_strangers():
            time.sleep(GRACE)
            return super().select(PATIENT_GRACE if patiently else 0)
        return []

    def _has_strangers(self) -> bool:
        """Whether there are threads that may have a word for the loop: those of tools, say."""
        threads = threading.enumerate()
        return any(one not in self.threads and one.name not in UNHEARD for one in threads)

    def _wait_for_jobs(self) -> Ready:
        ready = super().select(PATIENCE)
        if not ready:
            raise StuckError(
                f"the virtual clock has stood still for {PATIENCE:.0f} real seconds, waiting for"
                f" {self.holds} job(s) in an executor; a job must not wait for a timer of its loop"
            )
        return ready

    def _wait_for_real(self, timeout: float | None) -> Ready:
        """Wait as any selector does; time that was known to pass is counted."""
        began = time.monotonic()
        ready = super().select(timeout)
        if timeout is not None:
            self.now += timeout if not ready else min(time.monotonic() - began, timeout)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` moves only when there is nothing else to do."""

    def __init__(self, start: float = 0.0) -> None:
        self._virtual = _Selector()
        self._virtual.now = start
        super().__init__(self._virtual)

    def time(self) -> float:
        """Virtual seconds since the loop was made, plus `start`."""
        return self._virtual.now

    def stall(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing: something has kept it from its work."""
        self._virtual.now += seconds

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let the clock stand still: for threads of one's own, which the loop cannot see."""
        self._virtual.holds += 1
        try:
            yield
        finally:
            self._virtual.holds -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        if executor is None or isinstance(executor, ThreadPoolExecutor):
            future = super().run_in_executor(executor, partial(self._in_thread, func, *args))
        else:
            future = super().run_in_executor(executor, func, *args)
        self._virtual.holds += 1
        future.add_done_callback(self._job_done)
        return future

    def _in_thread(self, func: Callable[[*Ts], T], *args: *Ts) -> T:
        self._virtual.threads.add(threading.current_thread())  # it works while the clock is held
        return func(*args)

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self._virtual.holds -= 1

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        with self.hold():  # its limit on the last jobs is meant in real time
            await super().shutdown_default_executor(*timeout)

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        return self._note_child(await super().subprocess_exec(*args, **kwargs))

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        return self._note_child(await super().subprocess_shell(*args, **kwargs))

    def _note_child(self, started: Any) -> Any:
        self._virtual.children.add(started[0])
        return started


def holding() -> AbstractContextManager[None]:
    """Where the running loop has a virtual clock, let it stand still: for threads of others."""
    loop = asyncio.get_running_loop()
    return loop.hold() if isinstance(loop, VirtualClockLoop) else nullcontext()


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run a coroutine on a virtual clock, as `asyncio.run` does on the real one."""
    with asyncio.Runner(loop_factory=lambda: VirtualClockLoop(start)) as runner:
        return runner.run(main)
