"""A caller's leg over a WebSocket: any dialect, and no task of its own while sound goes by.

A message is translated and fed the moment it comes, an effect translated and written the moment it
is given; only what a peer does not take in time waits, in one bounded outbox. Whatever ends the leg
is written down once, as a `Parting`, by whoever notices first: what comes (the peer left, or broke
its protocol), what goes (the peer does not read) or `close`. `run` waits for that, tells the call
where the call does not know, and says farewell in bounded time.

A page's call is known from its upgrade; a carrier's only from its first messages. For those
`answer` reads on until the caller has joined, and `fit` then says how the call carries audio.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.websockets import WebSocket

from audio.format import Format
from gateway.call.effects import Flush, Play, ToCaller, Transfer
from gateway.call.events import CallerAudio, CallerJoined, CallerLeft, Event, TransferFailed
from gateway.callers.dialect import Dialect, Entry, Message, Reply, Said, facts, fitted, size
from gateway.callers.line import Line, end, put_through
from gateway.callers.parting import NOT_READING, Faults, Limits, Parting, not_begun
from gateway.callers.reading import Reading
from gateway.callers.sockets import NO_ANSWER, answered
from gateway.errors import TrunklineError, WireError
from gateway.flag import Flag
from gateway.sockets.outlet import Outlet
from gateway.sockets.socket import Closed, Socket

log = logging.getLogger(__name__)

LARGE = 256 * 1024  # bytes of a message, from which on it is read in a thread
AT_ONCE = 16 * 1024  # bytes of sound, or of the message that it is; then others have their turn

Feed = Callable[[Event | bytes], None]


class WebSocketLeg:
    """One caller on a WebSocket that came here, accepted or not yet, or on one that we opened."""

    def __init__(
        self,
        websocket: WebSocket | Socket,
        dialect: Dialect,
        call: Format | None = None,
        *,
        subprotocol: str = "",
        limits: Limits | None = None,
    ) -> None:
        self._websocket = websocket
        self._subprotocol = subprotocol
        self._socket: Socket | None = None
        self._wire = dialect
        self._dialect = fitted(dialect, call) if call is not None else dialect
        self._early: list[Event | bytes] = []  # what came before the call was there to be told
        self._feed: Feed = self._early.append
        self._facts: Iterator[Said | Reply] = iter(())  # of a message that is being taken
        self._limits = limits = limits or Limits()
        self._large = min(LARGE, limits.frame + 1)  # bytes of a message that is not read at once
        give_up = partial(self._part, Parting(NOT_READING, 1008, gone=True))
        self._kinds: frozenset[type] | None = getattr(dialect, "kinds", None)
        self._outlet = Outlet(self._write, size, give_up, limits.outbox, limits.blocked)
        self._timer: asyncio.TimerHandle | None = None  # of a peer that has to begin
        self._joined = self._live = False  # the caller; the call, which can be told
        self._left = False  # whether the caller hung up
        self._parting: Parting | None = None
        self._began, self._parted = Flag(), Flag()  # the former: joined, or will not
        self._answered = Flag()  # our farewell
        self._fault: Exception | None = None  # of our own
        self._faults = Faults(self._end_by)
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = Reading()
        self.line: Line | None = None  # the way to the provider beside this socket, if any
        self.why = ""  # it was not answered
        self.broken = False  # because its protocol was, not because the caller left

    @property
    def waiting(self) -> int:
        """Bytes that wait to be written."""
        return self._outlet.waiting

    def fit(self, call: Format) -> None:
        """The call carries audio in that format; to be said before `run`."""
        self._dialect = fitted(self._wire, call)

    async def answer(self) -> CallerJoined | None:
        """Accept the socket and read on until the caller has joined.

        None where that does not happen: the peer has been told, the socket is closed, `why` says
        why not.
        """
        if (socket := await self._accept()) is None:
            self.why = "left before it was answered"
            return None
        self._await_beginning()
        socket.read(self)
        await self._began.wait()
        if self._fault is not None:
            raise self._fault
        if self._parting is None:
            (joined,) = (fact for fact in self._early if isinstance(fact, CallerJoined))
            return joined
        self.why = str(self._parting.error or self._parting.reason)
        self.broken = self._parting.error is not None
        await self._leave(self._parting, socket)
        return None

    def introduce(self, joined: CallerJoined) -> None:
        """Who the caller is, where more is known than it said itself; to be said before `run`."""
        self._early[:] = [joined if isinstance(one, CallerJoined) else one for one in self._early]

    async def refuse(self, error: WireError) -> None:
        """Close a socket whose caller is not to be let in, and say why."""
        self._part(parting := Parting("refused", error.code, error))
        if self._socket is not None:
            await self._leave(parting, self._socket)

    async def run(self, feed: Feed) -> None:
        """Serve the caller until it is gone or `close` is called."""
        if (socket := await self._accept()) is None:
            feed(CallerLeft("left before it was answered"))
            return
        for fact in self._early:
            feed(fact)
        self._feed, self._live = feed, True
        if not self._joined:
            self._await_beginning()
        try:
            self._outlet.open(socket)
            self._go_on()
            await self._parted.wait()
            assert self._parting is not None
            if (error := self._parting.error) is not None:
                log.warning("a caller broke its protocol", extra={"why": str(error)})
            if not self._parting.known:
                feed(CallerLeft(self._parting.reason))
            await self._leave(self._parting, socket)
        finally:
            self._outlet.clear()
            socket.hold()
            for task in self._tasks:
                task.cancel()
        if self._fault is not None:
            raise self._fault

    def send(self, effect: ToCaller) -> None:
        """Carry out an effect. A flush takes back the audio that has not been written yet."""
        if self._parting is not None or (self._kinds and type(effect) not in self._kinds):
            return
        if type(effect) is Flush:
            self._outlet.take_back(Play)
        self._outlet.put(effect)

    def say(self, message: Message) -> None:
        """Write a message that no effect stands for."""
        if self._parting is None:
            self._outlet.put(Reply(message))

    def close(self, reason: str, *, words: bool = True) -> None:
        """Write what waits, say farewell if there are to be `words`, and let `run` return."""
        self._part(Parting(reason, known=True, gone=not words, by_us=not self._left))

    # ------------------------------------------------------------ what comes

    async def _accept(self) -> Socket | None:
        if self._socket is None:
            self._socket = await answered(self._websocket, self._subprotocol)
        return self._socket

    def _await_beginning(self) -> None:
        parting = not_begun(within := self._limits.start)
        self._timer = asyncio.get_running_loop().call_later(within, self._part, parting)

    def take(self, message: Message) -> None:
        """A message of the peer."""
        if self._parting is not None:
            self._hear_answer(message)
            return
        try:
            if (length := len(message)) >= self._large:
                self._take_large(message)
            elif type(meaning := self._dialect.decode(message)) is bytes and length < AT_ONCE:
                self._feed(meaning)
            else:
                self._facts = iter(list(facts(meaning)))
                self._take_facts()
        except Exception as fault:  # as within `Faults`
            self._end_by(fault)

    def _take_large(self, message: Message) -> None:
        self._limits.check(message)
        assert self._socket is not None
        self._socket.hold()
        self._outlet.hold()
        self._start(self._read_large(message))

    async def _read_large(self, message: Message) -> None:
        """In a thread, which has the dialect for itself meanwhile."""
        with self._faults:
            self._facts = iter(await self._reading.all(self._dialect.decode, message))
        self._outlet.release()
        self._go_on()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_facts(self) -> bool:
        """Feed what a message holds; false where the rest of it, and of the line, has to wait."""
        heard = 0
        for fact in self._facts:
            if type(fact) is CallerAudio:
                self._feed(fact)
                heard += len(fact.pcm)
            elif isinstance(fact, Reply):
                self._reply(fact)
            else:
                self._tell(fact)
            if self._parting is not None:
                return True
            if heard >= AT_ONCE:  # a message may hold much of it
                asyncio.get_running_loop().call_soon(self._go_on)
            elif self._live or not self._joined:
                continue
            assert self._socket is not None
            self._socket.hold()
            return False
        return True

    def _tell(self, fact: Event) -> None:
        if isinstance(fact, CallerLeft):
            self._joined = self._left = True
            self._feed(fact)  # what the call says at its end is still written
            self._part(Parting(fact.reason, known=True))
            return
        if isinstance(fact, CallerJoined):
            self._joined = True
            self._begin()
        self._feed(fact)

    def _begin(self) -> None:
        self._began.set()
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        """Take the rest of a message, and what comes after it."""
        with self._faults:
            if self._parting is None and self._take_facts() and self._socket is not None:
                self._socket.read(self)

    def _reply(self, reply: Reply) -> None:
        if reply.at_once and self._socket is not None:
            self._socket.send(reply.said())
        else:
            self._outlet.put(reply)

    def lose(self, closed: Closed) -> None:
        """The peer is gone."""
        reason = "hung up" if closed.code in (1000, 1001) else "line broke"
        self._answered.set()
        self._part(Parting(reason, gone=True))

    # ------------------------------------------------------------ what goes

    def go_on(self) -> None:
        """The peer reads again."""
        self._outlet.go_on()

    def _write(self, entry: Entry) -> None:
        assert self._socket is not None
        if isinstance(entry, Reply):
            self._socket.send(entry.said())
            return
        messages: tuple[Message, ...] = ()
        try:
            for message in (messages := tuple(self._dialect.encode(entry))):
                self._socket.send(message)
        except Exception as fault:  # as within `Faults`
            self._end_by(fault)
        if not messages and isinstance(entry, Transfer):
            self._start(self._transfer(entry.target))

    async def _transfer(self, target: str) -> None:
        """Put the caller through around the socket, for the protocol has no word for it."""
        try:
            await put_through(self.line, target)
        except TrunklineError as error:  # a line's own, or that no ticket is left for its order
            self._feed(TransferFailed(target, str(error)))
        else:
            self._part(Parting(f"transferred to {target}"))

    # ------------------------------------------------------------ the end

    def _part(self, parting: Parting) -> None:
        if self._parting is not None:
            return
        if parting.error is not None or parting.gone:
            self._outlet.clear()
        self._parting = parting
        self._begin()
        self._parted.set()

    def _end_by(self, fault: Exception) -> None:
        """The peer has broken its protocol, or a fault of ours ends this leg, and nothing else."""
        if isinstance(fault, WireError):
            self._part(Parting("broke its protocol", fault.code, fault))
            return
        self._fault = self._fault or fault
        self._part(Parting("internal error", NO_ANSWER, known=True))

    async def _leave(self, parting: Parting, socket: Socket) -> None:
        """Say what is left to say, in bounded time, and close."""
        if not parting.gone:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.farewell + self._limits.answer):
                    await self._reading.wait_free()  # the dialect may be lent until then
                    socket.read(self)
                    await self._outlet.wait_empty()
                    await self._say_farewell(parting, socket)
        socket.close(parting.code, parting.words)
        if parting.by_us and self.line is not None:
            await end(self.line, parting.reason, self._limits.farewell)

    async def _say_farewell(self, parting: Parting, socket: Socket) -> None:
        messages = list(self._dialect.farewell(parting.reason, parting.error))
        for message in messages:
            socket.send(message)
        if messages and self._limits.answer:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.answer):
                    await self._answered.wait()

    def _hear_answer(self, message: Message) -> None:
        """What the peer says after its farewell, or ours."""
        with suppress(WireError):
            self._limits.check(message)
            for fact in facts(self._dialect.decode(message)):
                if isinstance(fact, Reply) and self._socket is not None:
                    self._socket.send(fact.said())
                elif isinstance(fact, CallerLeft):
                    self._answered.set()
