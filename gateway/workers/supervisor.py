"""The supervisor: the parent of all workers. It accepts connections and gives each to the worker
with the fewest calls, has what they share, and begins a worker anew where one has died.

It looks at the first line of a connection and at nothing else, so that it is seldom busy; and it
runs none of the code that calls run, so that it does not die of what a worker may die of.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from gateway import interrupts
from gateway import log as logs
from gateway.errors import TrunklineError
from gateway.redaction.detect import Policy
from gateway.running import loop
from gateway.running.listening import listen
from gateway.workers.child import Child, begin
from gateway.workers.link import HTTP, Opened, Station, Told, give
from gateway.workers.memory import open_memory
from gateway.workers.sorting import Sorter
from gateway.workers.table import Table, open_table

log = logging.getLogger(__name__)

BACKLOG = 2048
WAITING = 1024  # connections that may wait while no worker takes any
AGAIN = 0.01  # seconds until they are offered again
STUCK = 0.5  # seconds for which a worker may leave a connection waiting
REST = 1.0  # seconds until the next is accepted, where none can be
SOON = 2.0  # seconds: who dies sooner after its beginning is begun again later
LATER = 2.0
SPARE = 5.0  # seconds beyond its time that a worker may take to stop
ANY_KEY = "no token is set up: any key that a client shows is taken, from this machine alone"


class Supervisor:
    """The workers of one gateway."""

    def __init__(self, station: Station, told: Told, table: Table) -> None:
        self._station, self._told, self._table = station, told, table
        self._folder = Path(told.folder)
        self._workers: dict[int, Child] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._waiting: deque[tuple[socket.socket, str, int | None]] = deque()
        self._sorter = Sorter(partial(self._offer, HTTP))
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self.all_ready = asyncio.Event()
        self.failed = ""  # why there is no use in going on

    # ------------------------------------------------------------ workers

    def start(self) -> None:
        """Begin all of them."""
        for slot in range(self._station.workers):
            task = asyncio.create_task(self._keep(slot), name=f"worker {slot}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, slot: int) -> None:
        """One worker after another, until the gateway stops."""
        before = ""
        while not self._is_over():
            worker = await begin(replace(self._told, slot=slot, before=before))
            self._workers[slot] = worker
            await worker.hear(self._begun, self._open)
            del self._workers[slot]
            worker.close()
            self._bury(slot)
            status = worker.process.returncode
            if self._is_over():
                if worker.ready is not None and status not in (0, interrupts.INTERRUPTED):
                    said = "a worker died before its calls had ended"
                    log.error(said, extra={"worker": slot, "status": status})
                return
            if worker.ready is None and not self.all_ready.is_set():
                self.failed = f"a worker did not start and ended with status {status}"
                self.all_ready.set()
                return
            log.error(
                "a worker died; another takes its place", extra={"worker": slot, "status": status}
            )
            before = worker.ready.gateway if worker.ready is not None else before
            if time.monotonic() - worker.began < SOON:
                await asyncio.sleep(LATER)

    def _is_over(self) -> bool:
        return self._stopping

    def _begun(self, worker: Child) -> None:
        log.info("a worker is ready", extra={"worker": worker.slot, "pid": worker.process.pid})
        ready = [one for one in self._workers.values() if one.ready is not None]
        if len(ready) == self._station.workers:
            self.all_ready.set()
        self._offer_again()

    def _bury(self, slot: int) -> None:
        """Its calls are over, its address is nobody's."""
        self._table.clear(slot)
        (self._folder / f"w-{slot}.sock").unlink(missing_ok=True)

    # ------------------------------------------------------------ connections

    def accept(self, name: str, listener: socket.socket) -> None:
        """Take connections at that port from now on."""
        listener.setblocking(False)
        listener.listen(BACKLOG)
        self._listeners[name] = listener
        self._listen(name, listener)

    def _listen(self, name: str, listener: socket.socket) -> None:
        if self._listeners.get(name) is listener:
            self._loop.add_reader(listener.fileno(), self._accept, name, listener)

    def _accept(self, name: str, listener: socket.socket) -> None:
        for _ in range(WAITING):
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # of files that may be opened: it would ring for ever
                log.error("no connection can be accepted", extra={"port": name, "why": str(error)})
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(REST, self._listen, name, listener)
                return
            if connection.family != socket.AF_UNIX:
                # A socket that came by its descriptor does not say everywhere that it is TCP's.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if name == HTTP:
                self._sorter.add(connection)
            else:
                self._offer(name, connection, None)

    def _offer(self, name: str, connection: socket.socket, slot: int | None) -> None:
        """Give it to its worker, or to the one with the fewest calls; let it wait for one."""
        ready = [one for one in self._workers.values() if one.ready is not None]
        ready.sort(key=self._load)
        if slot is not None:
            ready.sort(key=lambda one: one.slot != slot)
        for worker in ready:
            if give(worker.pipe, name, connection):
                worker.given()
                return
        if self._stopping or len(self._waiting) >= WAITING:
            connection.close()
            return
        if not self._waiting:
            self._loop.call_later(AGAIN, self._offer_again)
        self._waiting.append((connection, name, slot))

    def _load(self, worker: Child) -> tuple[bool, int]:
        """By which workers are compared. Who does not take what it was given comes last: with a
        tool that stands in its way it would otherwise get all calls, as it has the fewest."""
        stuck = worker.waits(self._table.taken(worker.slot)) > STUCK
        if stuck and not worker.stuck:
            log.warning("a worker takes no connections", extra={"worker": worker.slot})
        worker.stuck = stuck
        return stuck, self._table[worker.slot] + worker.coming

    def _offer_again(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for connection, name, slot in waiting:
            self._offer(name, connection, slot)

    def _open(self, host: str, port: int) -> Opened:
        """A port that bridges want; the first who asks opens it for all."""
        name = f"{host}:{port}"
        try:
            if name not in self._listeners:
                self.accept(name, listen(host, port))
        except TrunklineError as error:
            return Opened(name, host, port, str(error))
        return Opened(name, host, self._listeners[name].getsockname()[1])

    # ------------------------------------------------------------ the end

    def stop(self, number: signal.Signals) -> None:
        """Tell all workers; while they end, they tell whoever comes."""
        self._stopping = True
        self.tell(number)

    def close(self) -> None:
        """Take no connections any more."""
        for listener in self._listeners.values():
            self._loop.remove_reader(listener.fileno())
            listener.close()
        self._listeners.clear()
        self._sorter.close()
        for connection, *_ in self._waiting:
            connection.close()
        self._waiting.clear()

    def tell(self, number: signal.Signals) -> None:
        """A signal for all workers."""
        for worker in self._workers.values():
            worker.signal(number)

    async def wait_ended(self, seconds: float) -> None:
        """Until no worker is left, with force where it takes too long."""
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=seconds)
            if left:
                self.tell(signal.SIGKILL)
                await asyncio.wait(left)


async def supervise(station: Station, told: Told) -> int:
    """Serve with several workers until told to stop; gives the status. Raises TrunklineError."""
    loop = asyncio.get_running_loop()
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    folder = Path(tempfile.mkdtemp(prefix="trunkline-"))
    told.folder = str(folder)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bound = stack.enter_context(listen(station.host, station.port))
        table = stack.enter_context(open_table(folder, make=True))
        if station.shares:
            await stack.enter_async_context(open_memory(folder / "shared.sock"))
        if station.assistant:
            told.assistant = await stack.enter_async_context(_assistant(told))
        one = Supervisor(station, told, table)
        stack.callback(one.close)
        one.start()
        return await _until_told(one, station, bound, signals)


async def _until_told(
    one: Supervisor,
    station: Station,
    bound: socket.socket,
    signals: asyncio.Queue[signal.Signals],
) -> int:
    started = asyncio.create_task(one.all_ready.wait())
    told = asyncio.create_task(signals.get())
    await asyncio.wait((started, told), return_when=asyncio.FIRST_COMPLETED)
    if one.failed:
        told.cancel()
        one.stop(signal.SIGTERM)
        await one.wait_ended(SPARE)
        raise TrunklineError(f"{one.failed}; what it said stands above")
    if started.done():
        host, port = bound.getsockname()[:2]
        one.accept(HTTP, bound)
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        log.info("ready", extra={"address": address, "workers": station.workers})
    started.cancel()
    while (number := await told) is signal.SIGHUP:
        one.tell(number)
        told = asyncio.create_task(signals.get())
    one.stop(number)
    ending = asyncio.create_task(one.wait_ended(station.stopping + SPARE))
    while not ending.done():
        told = asyncio.create_task(signals.get())
        await asyncio.wait((ending, told), return_when=asyncio.FIRST_COMPLETED)
        if not told.cancel() and told.result() is not signal.SIGHUP:
            one.tell(told.result())  # told twice: they end at once
            await ending
            return 130
    return 0


@asynccontextmanager
async def _assistant(told: Told) -> AsyncIterator[str]:
    """The embedded assistant, once for all workers; begun anew at its port where it dies."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def begun(child: Child) -> None:
        assert child.ready is not None
        if not found.done():
            found.set_result(child.ready.assistant)

    children: list[Child] = []

    async def keep() -> None:
        port = 0
        while True:
            child = await begin(replace(told, role="assistant", port=port))
            children[:] = [child]
            await child.hear(begun, lambda host, port: Opened("", host, port, "no ports here"))
            child.close()
            if not found.done():
                found.set_exception(TrunklineError("the embedded assistant did not start"))
                return
            port = int(found.result().rpartition(":")[2].partition("/")[0])
            log.error("the embedded assistant died and is begun anew")

    keeping = asyncio.create_task(keep(), name="assistant")
    try:
        yield await found
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        for child in children:
            child.signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(SPARE):
                    await child.process.wait()
            child.signal(signal.SIGKILL)


def run() -> int:
    """The process, from its beginning to its end; gives its status."""
    station = msgspec.json.decode(sys.argv[1], type=Station)
    logs.setup(*station.log, policy=Policy(frozenset(station.covered), station.digits))
    try:
        return loop.run(supervise(station, msgspec.json.decode(sys.argv[2], type=Told)))
    except TrunklineError as error:
        sys.stderr.write(f"trunkline: {error}\n")
        return 2
    except KeyboardInterrupt:
        return interrupts.INTERRUPTED
