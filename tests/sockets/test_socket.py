"""A socket after its handshake: messages in pieces, limits, pings, closing, and what waits."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from gateway.sockets import socket as module
from gateway.sockets.client import RefusedError, connect
from gateway.sockets.sips import READS, SPARED, Sips, small
from gateway.sockets.socket import SHORT, Closed, Message, Socket

LARGEST = 10_000


@dataclass
class Ear:
    """Notes what it is told."""

    said: list[Message] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: Message) -> None:
        self.said.append(message)

    def lose(self, closed: Closed) -> None:
        self.closed.append(closed)
        self.over.set()

    def go_on(self) -> None: ...


Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def met(
    script: Script, largest: int = LARGEST, **limits: float
) -> AsyncIterator[tuple[Socket, Ear]]:
    """A socket to a server that follows a script, read by an ear."""
    async with serve(script, "127.0.0.1", 0, close_timeout=0.1, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        ping = (limits.get("ping", 0.0), limits.get("pong", 0.0))
        socket = await connect(f"ws://127.0.0.1:{port}", {}, largest=largest, seconds=5, ping=ping)
        ear = Ear()
        socket.read(ear)
        try:
            yield socket, ear
        finally:
            socket.abort()
            await socket.wait_closed()


def raw(*frames: Frame) -> bytes:
    return b"".join(frame.serialize(mask=False, extensions=[]) for frame in frames)


def saying(data: bytes) -> Script:
    """A server that writes these bytes and waits."""

    async def script(peer: ServerConnection) -> None:
        peer.transport.write(data)
        await peer.wait_closed()

    return script


async def ended(script: Script) -> tuple[Ear, Closed]:
    async with met(script) as (_, ear):
        await asyncio.wait_for(ear.over.wait(), 10)
    return ear, ear.closed[0]


async def test_messages_are_whole_and_of_their_kind_with_a_ping_between_the_pieces() -> None:
    async def script(peer: ServerConnection) -> None:
        await peer.send("one")
        await peer.send(b"two")
        await peer.send(["thr", "ee"])
        peer.transport.write(
            raw(
                Frame(Opcode.TEXT, "fö".encode()[:2], fin=False),
                Frame(Opcode.PING, b"there?"),
                Frame(Opcode.CONT, "fö".encode()[2:]),
            )
        )
        await peer.close(1001, "away")

    ear, closed = await ended(script)
    assert ear.said == ["one", b"two", "three", "fö"]
    assert closed == Closed(1001, "away")
    assert len(ear.closed) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (raw(Frame(Opcode.TEXT, b"\xff")), 1007),
        (raw(Frame(Opcode.TEXT, b"\xc3", fin=False), Frame(Opcode.CONT, b"\xc3")), 1007),
        (raw(Frame(Opcode.CONT, b"x")), 1002),
        (raw(Frame(Opcode.TEXT, b"x", fin=False), Frame(Opcode.TEXT, b"y")), 1002),
        (b"\xc1\x01x", 1002),
        (raw(Frame(Opcode.BINARY, bytes(LARGEST + 1))), 1009),
        (raw(Frame(Opcode.BINARY, bytes(LARGEST), fin=False), Frame(Opcode.CONT, b"x")), 1009),
    ],
    ids=["text", "text in pieces", "no first", "two first", "extension", "size", "size in pieces"],
)
async def test_who_breaks_the_protocol_is_told_by_a_close_code(data: bytes, code: int) -> None:
    told: list[int] = []

    async def script(peer: ServerConnection) -> None:
        peer.transport.write(data)
        await peer.wait_closed()
        told.append(peer.close_code or 0)

    ear, closed = await ended(script)
    assert (ear.said, closed.code) == ([], code)
    for _ in range(100):
        if told:
            break
        await asyncio.sleep(0.01)
    assert told == [code]


async def test_a_message_may_come_in_any_number_of_pieces_even_of_no_bytes() -> None:
    pieces = [Frame(Opcode.CONT, b"", fin=False), Frame(Opcode.CONT, b"x", fin=False)] * 10_000
    data = raw(Frame(Opcode.TEXT, b"", fin=False), *pieces, Frame(Opcode.CONT, b"!"))
    async with met(saying(data), largest=20_000) as (_, ear), asyncio.timeout(10):
        tracemalloc.start()
        while not ear.said:
            await asyncio.sleep(0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert ear.said == ["x" * 10_000 + "!"]
    assert most < 10 * len(ear.said[0])  # each piece an object of its own would be 50


async def test_what_comes_while_nobody_reads_waits_and_so_does_the_end() -> None:
    async def script(peer: ServerConnection) -> None:
        for number in range(1_000):
            await peer.send(f"{number}")

    async with met(script) as (socket, ear):
        socket.hold()
        held = len(ear.said)
        await asyncio.sleep(0.05)
        assert (len(ear.said), ear.closed) == (held, [])
        socket.read(ear)
        await asyncio.wait_for(ear.over.wait(), 10)
    assert ear.said == [f"{number}" for number in range(1_000)]


async def test_a_socket_that_is_closed_says_goodbye_and_then_nothing() -> None:
    heard: list[str | bytes] = []
    codes: list[int | None] = []

    async def script(peer: ServerConnection) -> None:
        try:
            while True:
                heard.append(await peer.recv())
        except ConnectionClosed:
            codes.append(peer.close_code)

    async with met(script) as (socket, _):
        socket.send("last words")
        socket.close(1000, "over")
        socket.send("too late")
        socket.close(1011)
        await asyncio.wait_for(socket.wait_closed(), 10)
        socket.send("far too late")
    assert (heard, codes) == (["last words"], [1000])


@pytest.mark.virtual_clock
async def test_a_far_end_that_answers_no_ping_is_gone_and_one_that_does_is_not() -> None:
    async def deaf(peer: ServerConnection) -> None:
        peer.transport.pause_reading()
        await peer.wait_closed()

    loop = asyncio.get_running_loop()
    async with met(deaf, ping=5.0, pong=10.0) as (_, ear):
        began = loop.time()
        await ear.over.wait()
        assert loop.time() - began == pytest.approx(15, abs=0.5)
        assert ear.closed == [Closed(1011, "keepalive ping timeout")]
    async with met(saying(b""), ping=5.0, pong=10.0) as (_, ear):
        await asyncio.sleep(60)
        assert ear.closed == []


async def test_a_refusal_is_its_status_and_words_whatever_number_it_has() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 520 Web server error\r\nContent-Length: 4\r\n\r\nbusy")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RefusedError) as refused:
            await connect(f"ws://127.0.0.1:{port}", {}, largest=1, seconds=5)
    assert (refused.value.status, refused.value.body) == (520, b"busy")


async def test_a_server_that_hangs_up_in_the_handshake_is_no_connection() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(leave, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionError):
            await connect(f"ws://127.0.0.1:{port}", {}, largest=1, seconds=5)


def room(socket: Socket) -> int:
    """Bytes of the framing's buffer, where nothing lies in it."""
    return len(socket._transport.underlying_transport.get_protocol()._framing.get_buffer(-1))


@pytest.mark.parametrize("caller", [True, False])
async def test_many_small_messages_at_once_grow_no_buffer_and_a_large_one_does(
    caller: bool,
) -> None:
    many, whole = [Frame(Opcode.TEXT, b"x" * 100)] * 2000, b"y" * (LARGEST - 10)

    async def script(peer: ServerConnection) -> None:
        await peer.recv()
        peer.transport.write(raw(*many))
        await peer.recv()
        peer.transport.write(raw(Frame(Opcode.TEXT, whole)))
        await peer.wait_closed()

    async with met(script) as (socket, ear), asyncio.timeout(10):
        if caller:
            transport = socket._transport.underlying_transport
            framing = transport.get_protocol()._framing
            transport.set_protocol(Sips(framing, small(framing)))
        socket.send("begin")
        while len(ear.said) < len(many):
            await asyncio.sleep(0)
        assert room(socket) <= READS
        socket.send("go on")
        while len(ear.said) == len(many):
            await asyncio.sleep(0)
        assert ear.said[-1] == whole.decode()
        assert READS < room(socket) < 2 * LARGEST


async def test_a_message_grows_the_buffer_no_further_for_others_on_its_heels() -> None:
    whole = Frame(Opcode.TEXT, b"y" * (READS * 2))

    async def buffer_after(*frames: Frame) -> int:
        async def script(peer: ServerConnection) -> None:
            await peer.recv()
            peer.transport.write(raw(*frames))
            await peer.wait_closed()

        async with met(script) as (socket, ear), asyncio.timeout(10):
            socket.send("begin")
            while len(ear.said) < len(frames):
                await asyncio.sleep(0)
            return room(socket)

    tail = [Frame(Opcode.TEXT, b"x" * 100)] * 100
    assert await buffer_after(whole, *tail) <= await buffer_after(whole)


@pytest.mark.parametrize("size", [READS // 2, READS * 3, READS * 3 + READS // 4, READS * 6])
async def test_messages_of_one_size_grow_the_buffer_to_twice_that_at_most(size: int) -> None:
    frames = [Frame(Opcode.TEXT, b"y" * size), Frame(Opcode.TEXT, b"x" * 100)] * 20

    async def script(peer: ServerConnection) -> None:
        await peer.recv()
        peer.transport.write(raw(*frames))
        await peer.wait_closed()

    async with met(script, largest=10 * READS) as (socket, ear), asyncio.timeout(10):
        socket.send("begin")
        while len(ear.said) < len(frames):
            await asyncio.sleep(0)
        assert room(socket) <= max(READS, 2 * size * SPARED / (SPARED - 1))


@pytest.mark.parametrize("size", [SHORT - 1, SHORT + 1, 70_000])
async def test_a_message_of_any_length_comes_whole_and_leaves_no_room_behind(size: int) -> None:
    async def hear(peer: ServerConnection) -> None:
        said.extend([await peer.recv() for _ in given])
        over.set()
        await peer.wait_closed()

    said: list[Message] = []
    given: list[Message] = ["ü" * size, bytes(number % 251 for number in range(size))]
    over = asyncio.Event()
    async with met(hear) as (socket, _), asyncio.timeout(10):
        tracemalloc.start()
        for message in given:
            socket.send(message)
        traces = tracemalloc.take_snapshot()
        tracemalloc.stop()
        await over.wait()
    assert said == given
    held = traces.filter_traces([tracemalloc.Filter(True, module.__file__)])
    assert sum(trace.size for trace in held.traces) < 3 * SHORT
