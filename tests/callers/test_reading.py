"""A message that takes long to be understood holds up neither the loop nor its own call's order."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator

import pytest

from audio.format import pcm16
from gateway.call import effects as do
from gateway.call.events import CallerAudio, Event
from gateway.call.plan import Plan
from gateway.callers.dialect import Message, Reply, Said
from gateway.callers.parting import Limits
from gateway.callers.reading import Reading
from gateway.callers.realtime import Offer, RealtimeDialect
from gateway.callers.websocket import LARGE, WebSocketLeg
from gateway.protocol.wire import PIECE, Refused, encode_audio, from_base64
from gateway.sockets.socket import Closed, Reader, Socket


async def test_the_loop_goes_on_while_a_message_is_read_and_the_dialect_is_lent() -> None:
    reading, go_on = Reading(), threading.Event()

    def read(message: str) -> Iterator[str]:
        assert go_on.wait(30), "the loop waits for the reader, which waits for the loop"
        yield message

    work = asyncio.create_task(reading.all(read, "it"))
    await asyncio.sleep(0)
    assert reading.busy
    waits = asyncio.create_task(reading.wait_free())
    go_on.set()
    assert await work == ["it"]
    await waits
    assert not reading.busy


async def test_who_stops_reading_waits_until_the_thread_has_let_go_of_the_dialect() -> None:
    reading, go_on, done = Reading(), threading.Event(), threading.Event()

    def read(message: str) -> Iterator[str]:
        go_on.wait(30)
        done.set()
        yield message

    work = asyncio.create_task(reading.all(read, "it"))
    await asyncio.sleep(0)
    work.cancel()
    asyncio.get_running_loop().call_soon(go_on.set)
    with pytest.raises(asyncio.CancelledError):
        await work
    assert done.is_set()


class Pipe(Socket):
    """A socket whose far end has said all of this, and then hangs up."""

    def __init__(self, says: list[Message]) -> None:
        super().__init__(2 * LARGE)
        self.says = says

    def read(self, reader: Reader) -> None:
        self._reader = reader
        while self.says and self._reader is reader:
            reader.take(self.says.pop(0))
        if self._reader is reader:
            reader.lose(Closed(1000))

    def hold(self) -> None:
        self._reader = None

    def send(self, message: Message) -> None: ...

    def close(self, code: int = 1000, reason: str = "") -> None: ...


class Watched(RealtimeDialect):
    """Notes in which thread each message is read, and that nothing is written meanwhile."""

    threads: list[int]
    reads = False

    def decode(self, message: Message) -> Iterator[Said | Reply]:
        self.threads.append(threading.get_ident())
        self.reads = True
        yield from super().decode(message)
        self.reads = False

    def encode(self, effect: do.Effect) -> Iterator[Message]:  # type: ignore[override]
        assert not self.reads
        return super().encode(effect)  # type: ignore[arg-type]


async def test_a_large_event_is_read_beside_the_loop_and_a_small_one_in_it() -> None:
    sound = base64.b64encode(bytes(LARGE)).decode()
    large = json.dumps({"type": "input_audio_buffer.append", "audio": sound})
    dialect = Watched(Offer(Plan(), "model"), "tag")
    dialect.threads = []
    socket = Pipe([json.dumps({"type": "input_audio_buffer.clear"}), large])
    leg = WebSocketLeg(socket, dialect, pcm16(24_000), limits=Limits(frame=2 * LARGE))
    fed: list[Event] = []

    def feed(event: Event) -> None:
        fed.append(event)
        leg.send(do.ShowState("hearing"))

    await leg.run(feed)
    here = threading.get_ident()
    assert [thread == here for thread in dialect.threads] == [True, False]
    assert sum(len(event.pcm) for event in fed if isinstance(event, CallerAudio)) == LARGE


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE + 2])
def test_base64_in_pieces_is_base64(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    assert encode_audio(data) == base64.b64encode(data).decode()
    assert from_base64(encode_audio(data), "audio") == data


@pytest.mark.parametrize("wrong", ["QQ==", "Q", "*", "é"])
@pytest.mark.parametrize("at", [0, PIECE - 4, PIECE])
def test_base64_that_is_none_is_refused_wherever_it_is_wrong(wrong: str, at: int) -> None:
    whole = "QUJD" * (PIECE // 2)
    with pytest.raises(Refused):
        from_base64(whole[:at] + wrong + whole[at + 4 :], "audio")
