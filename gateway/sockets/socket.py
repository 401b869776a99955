"""Socket: a WebSocket after its handshake. Whole messages come by a plain call, and go by one.

Frames are cut and joined in C (picows); no task waits for them. What RFC 6455 asks of an end beside
that is done here: messages in pieces are put together (5.4), text is seen to be UTF-8 (8.1), no
extension is agreed on (9.1), the far end is pinged (5.5.2), and closing is answered (7.1).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

Message = str | bytes

PING: Final = 5.0  # seconds between an answer of the far end and the next question
PONG: Final = 10.0  # that it may take for its answer; it is gone after the sum of both
CLOSING: Final = 5.0  # that it may take to answer our close
NO_STATUS, ABNORMAL = 1005, 1006  # close codes that never stand in a frame
PROTOCOL_ERROR, INVALID_TEXT, TOO_BIG, FAILED = 1002, 1007, 1009, 1011
NOBODY = "keepalive ping timeout"

HEAD: Final = 14  # bytes before a message, where the library writes its frame's head
SHORT: Final = 2048  # characters or bytes of a message that it may copy into a buffer of its own

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
CLOSE, PONG_FRAME = WSMsgType.CLOSE, WSMsgType.PONG

# The library writes down each connection and each fault of a far end, in words of its own.
quiet = logging.LoggerAdapter(logging.getLogger("picows"))
quiet.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Closed:
    """How a socket ended: the far end's close code, or ours where it gave none."""

    code: int
    reason: str = ""


class Reader(Protocol):
    """Whoever a socket's messages are for. None of these waits."""

    def take(self, message: Message) -> None:
        """A message has come."""
        ...

    def lose(self, closed: Closed) -> None:
        """No other will come, and nothing can be said any more; said once."""
        ...

    def go_on(self) -> None:
        """There is room again for what is to be written, after there was none."""
        ...


class Socket(WSListener):
    """One end of a connection. What comes while nobody reads waits, and the far end with it."""

    __slots__ = (
        *("closed", "subprotocol", "writable"),
        *("_begun", "_context", "_deliver", "_gone", "_held", "_kind", "_known", "_largest"),
        *("_asked", "_loop", "_ours", "_ping", "_pong", "_reader", "_timer", "_told"),
        "_transport",
    )

    def __init__(self, largest: int, ping: float = PING, pong: float = PONG) -> None:
        self.closed: Closed | None = None
        self.writable = True  # false while the far end does not read
        self.subprotocol = ""
        self._largest = largest  # bytes of a message, in however many pieces
        self._ping, self._pong = ping, pong
        self._reader: Reader | None = None
        self._deliver: Callable[[Message], object] = self._keep  # or to the reader, in its context
        self._context = copy_context()  # of the reader: its log says whose call it is
        self._held: deque[Message] | None = None  # what has come and nobody has read
        self._begun: bytearray | None = None  # what has come of a message that is not whole
        self._kind = TEXT  # of that message
        self._timer: asyncio.TimerHandle | None = None
        self._asked: asyncio.Future[None] | None = None  # whether it is there
        self._told = False  # whether the reader knows that it is closed
        self._ours: Closed | None = None  # the close that we have said
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self._loop.create_future()

    # ------------------------------------------------------------ for whoever uses it

    def read(self, reader: Reader) -> None:
        """Let this one have what comes from here on, and what has come since nobody had."""
        self._reader, self._context = reader, copy_context()
        self._deliver = partial(self._context.run, reader.take)  # type: ignore[call-arg]
        while self._held:
            reader.take(self._held.popleft())
            if self._reader is not reader:  # it has had enough
                return
        self._held = None  # of 700 bytes, which hardly any call needs again
        if self.closed is not None:
            self._tell()
        elif not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.resume_reading()

    def hold(self) -> None:
        """Nobody reads for now; the answer to our close is waited for all the same."""
        self._reader, self._deliver = None, self._keep
        if self._ours is None and not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.pause_reading()

    def send(self, message: Message) -> None:
        """In one frame, at once; after the end it goes nowhere."""
        if self._transport.underlying_transport.is_closing():
            return
        kind = TEXT if type(message) is str else BINARY
        if len(message) <= SHORT:
            self._transport.send(kind, message)
        else:  # that buffer grows with what is sent, and would stay so
            frame = bytearray(HEAD)
            frame += message.encode() if isinstance(message, str) else message
            self._transport.send_reuse_external_bytearray(kind, frame, HEAD)

    @property
    def waiting(self) -> int:
        """Bytes that the system has not taken yet."""
        if self._gone.done():
            return 0
        return int(self._transport.underlying_transport.get_write_buffer_size())

    def ping(self) -> asyncio.Future[None]:
        """Ask whether the far end is there; done when it answers. Raises ConnectionResetError."""
        if self._gone.done():
            raise ConnectionResetError("the socket is closed")
        if self._asked is None:
            self._asked = self._loop.create_future()
            self._transport.send_ping()
        return self._asked

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, unless one of both has; whoever does not answer in time is cut off."""
        if self._ours is not None or self.closed is not None:
            return
        self._ours = Closed(code, reason)
        self._transport.send_close(code, reason.encode())  # type: ignore[arg-type]
        self._rearm(CLOSING, self._cut)
        if self._reader is None and not self._transport.underlying_transport.is_closing():
            self._transport.underlying_transport.resume_reading()  # for its answer

    def abort(self) -> None:
        """Cut it off, whatever waits to be written."""
        if not self._gone.done():
            self._transport.disconnect(graceful=False)

    def when_gone(self, then: Callable[[], None]) -> None:
        """Do this when the connection is gone."""
        self._gone.add_done_callback(lambda gone: then())

    async def wait_closed(self) -> None:
        """Until the connection is gone."""
        await asyncio.shield(self._gone)

    # ------------------------------------------------------------ what comes

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        for said in (transport.request, transport.response):  # 3 KB that nobody reads again
            said.headers.clear()
        self.hold()
        self._rest()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail(PROTOCOL_ERROR, "no extension was agreed on")
        elif kind == PONG_FRAME:
            if self._asked is not None:
                self._asked.set_result(None)
                self._asked = None
            if self._ours is None:
                self._rest()
        elif kind == CLOSE:
            self._answer_close(transport)
        elif transport.is_close_frame_sent:
            pass  # what crossed our close on its way, or is too large
        elif not frame.fin or self._begun is not None or kind == CONTINUATION:
            self._piece(kind, frame)
        elif kind == TEXT:
            try:
                message = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._fail(INVALID_TEXT, "the text is not UTF-8")
            else:
                self._deliver(message)
        else:
            self._deliver(frame.get_payload_as_bytes())

    def _piece(self, kind: WSMsgType, frame: WSFrame) -> None:
        """It may have no bytes, and there may be any number of them: each costs as much."""
        if (self._begun is None) == (kind == CONTINUATION):
            self._fail(PROTOCOL_ERROR, "a piece of a message came out of place")
            return
        if self._begun is None:
            self._begun, self._kind = bytearray(), kind
        self._begun += frame.get_payload_as_memoryview()
        if len(self._begun) > self._largest:
            self._fail(TOO_BIG, f"a message has at most {self._largest} bytes")
        elif frame.fin:
            whole, self._begun = self._begun, None
            try:
                self._deliver(whole.decode() if self._kind == TEXT else bytes(whole))
            except UnicodeDecodeError:
                self._fail(INVALID_TEXT, "the text is not UTF-8")

    def _keep(self, message: Message) -> None:
        if self._held is None:
            self._held = deque()
        self._held.append(message)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self._reader is not None:
            self._context.run(self._reader.go_on)

    # ------------------------------------------------------------ the end

    def _answer_close(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        said = handshake.recv
        assert said is not None
        code = _number(said.code) or NO_STATUS
        if self._ours is None:
            transport.send_close(said.code if said.code else WSCloseCode.OK)
        self._close(Closed(code, said.reason or ""))
        transport.disconnect()

    def _fail(self, code: int, reason: str) -> None:
        """The far end has broken the protocol: no word of it is read any more."""
        if self._ours is None:
            self._ours = Closed(code, reason)
            self._transport.send_close(code, reason.encode())  # type: ignore[arg-type]
        self._begun = None
        self._close(self._ours)
        self._transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._timer is not None:
            self._timer.cancel()
        handshake = transport.close_handshake
        sent = handshake.sent if handshake is not None else None
        failed = sent is not None and self._ours is None  # the library found the fault itself
        if self._ours is not None and self._ours.code == FAILED:
            self._close(self._ours)
        elif failed and sent is not None:
            self._known = self._loop.create_task(_note(transport))
            self._close(Closed(_number(sent.code), sent.reason))
        else:
            self._close(Closed(ABNORMAL))
        if not self._gone.done():
            self._gone.set_result(None)
        if self._asked is not None:
            self._asked.set_exception(ConnectionResetError("the socket is closed"))
            self._asked.exception()  # it is no loss if nobody waits for it
            self._asked = None

    def _close(self, closed: Closed) -> None:
        if self.closed is None:
            self.closed = closed
            self._tell()

    def _tell(self) -> None:
        if self._reader is not None and not self._told:
            self._told = True
            self._context.run(self._reader.lose, self.closed or Closed(ABNORMAL))

    def _rest(self) -> None:
        """Ask a little later, where that is wanted at all."""
        if self._ping:
            self._rearm(self._ping, self._ask)

    def _ask(self) -> None:
        self._transport.send_ping()
        self._rearm(self._pong, self._give_up)

    def _give_up(self) -> None:
        self._ours = Closed(FAILED, NOBODY)
        with suppress(OSError):
            self._transport.send_close(FAILED, NOBODY.encode())  # type: ignore[arg-type]
        self._cut()

    def _cut(self) -> None:
        self._transport.disconnect(graceful=False)

    def _rearm(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then)


async def _note(transport: WSTransport) -> None:
    """The library wants somebody to know of the fault that it has found."""
    with suppress(Exception):
        await transport.wait_disconnected()


def _number(code: object) -> int:
    """A close code, which is a plain number, whatever its type says."""
    assert isinstance(code, int)
    return int(code)
