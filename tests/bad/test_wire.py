"""A caller that breaks the browser's protocol is told so; a call beside it notices nothing."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.callers.parting import MAX_FRAME
from tests.bad.street import PIECE, START, Parrot, beside, stranger
from tests.house import message, open_house

pytestmark = pytest.mark.virtual_clock

DEEP = '{"type": "text", "text": ' + "[" * 100_000 + "]" * 100_000 + "}"
BROKEN: dict[str, tuple[list[str | bytes], str, int]] = {
    "JSON that ends in the middle": ([START, '{"type": "te'], "invalid_message", 1007),
    "no JSON": ([START, "hello?"], "invalid_message", 1007),
    "an empty text": ([START, ""], "invalid_message", 1007),
    "a list": ([START, "[1, 2]"], "invalid_message", 1007),
    "null": ([START, "null"], "invalid_message", 1007),
    "no type": ([START, '{"text": "hello"}'], "invalid_message", 1007),
    "a type that is a number": ([START, '{"type": 7}'], "invalid_message", 1007),
    "a text that is a number": ([START, message("text", text=7)], "invalid_message", 1007),
    "a text that is empty": ([START, message("text", text="")], "invalid_message", 1007),
    "a text of a book's length": (
        [START, message("text", text="x" * 9000)],
        "invalid_message",
        1007,
    ),
    "half an emoji": ([START, r'{"type": "text", "text": "\ud83d"}'], "invalid_message", 1007),
    "deep nesting": ([START, DEEP], "invalid_message", 1007),
    "a digit that is none": ([START, message("digit", digit="12")], "invalid_message", 1007),
    "a digit of another script": ([START, message("digit", digit="٣")], "invalid_message", 1007),
    "a digit with a line end": ([START, message("digit", digit="1\n")], "invalid_message", 1007),
    "a position below zero": (
        [START, message("played", item="a", samples=-1, generation=0)],
        "invalid_message",
        1007,
    ),
    "a position of any size": (
        [START, message("played", item="a", samples=10**400, generation=0)],
        "invalid_message",
        1007,
    ),
    "a position that is no number": (
        [START, '{"type": "played", "item": "a", "samples": NaN, "generation": 0}'],
        "invalid_message",
        1007,
    ),
    "a name of a page's length": (
        [message("start", reports=True, name="n" * 300)],
        "invalid_message",
        1007,
    ),
    "start without its field": ([message("start")], "invalid_message", 1007),
    "audio before start": ([bytes(PIECE)], "protocol_violation", 1008),
    "text before start": ([message("text", text="hello")], "protocol_violation", 1008),
    "an unknown message before start": ([message("dance")], "protocol_violation", 1008),
    "start twice": ([START, START], "protocol_violation", 1008),
    "half a sample": ([START, bytes(PIECE + 1)], "unsupported_audio", 1003),
    "one byte": ([START, b"\0"], "unsupported_audio", 1003),
    "too much audio at once": ([START, bytes(100_000)], "too_large", 1009),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_message_is_said_and_ends_that_call_alone(what: str) -> None:
    messages, error, code = BROKEN[what]
    async with open_house(Parrot()) as house, beside(house, turns=1):
        async with stranger(house) as caller:
            await caller.send(*messages)
            await caller.to_the_end()
        assert [one["code"] for one in caller.all("error")] == [error]
        assert "Expected" in caller.all("error")[0]["message"]
        assert caller.code == code


@pytest.mark.parametrize("size", [MAX_FRAME + 1, 50_000_000])
@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_a_frame_beyond_the_limit_is_not_even_read(kind: str, size: int) -> None:
    async with open_house(Parrot()) as house, beside(house, turns=1):
        async with stranger(house) as caller:
            await caller.start()
            await caller.send("x" * size if kind == "text" else bytes(size))
            await caller.to_the_end()
        assert caller.code in (1009, None), "the line may break before the reason is read"
        await _alone(house.gateway.switchboard)


async def test_messages_that_are_not_known_are_ignored_and_said_once() -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.start()
        await caller.send(*(message(f"dance{n}", step=[n]) for n in range(500)))
        await caller.send(message("text", text="still there?", mood="odd"))
        await caller.until("words", role="assistant", final=True)
        assert [one["code"] for one in caller.all("notice")] == ["unknown_message"]
        await caller.send(message("hangup"))
        await caller.to_the_end()
        assert caller.code == 1000


@pytest.mark.parametrize(
    ("samples", "generation", "item"),
    [
        (2**53, 0, "the item"),  # far beyond what was sent
        (2**53, 2**53, "the item"),  # of a time to come
        (5, 0, "an item that never was"),
        (0, 0, ""),
    ],
)
async def test_nonsense_about_what_was_heard_is_believed_up_to_what_was_sent(
    samples: int, generation: int, item: str
) -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.send(message("start", reports=True))
        await caller.send(message("text", text="x" * 100))
        played = (await caller.until("audio"))["item"]
        named = played if item == "the item" else item
        nonsense = message("played", item=named, samples=samples, generation=generation)
        await caller.send(*[nonsense] * 200)
        await caller.send(message("text", text="Stop."))
        cut = await caller.until("words", item=played, final=True)
        # 240 ms are sent ahead, of 60 ms a letter.
        assert cut["cut"]
        assert len(cut["text"]) <= 8
        answers = [one for one in caller.all("audio") if one["item"] != played]
        while not answers:
            answers = [await caller.until("audio", generation=1)]


async def test_thousands_of_texts_lead_to_answers_not_to_thousands() -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.start()
        await caller.send(*(message("text", text=f"number {n}") for n in range(3000)))
        await caller.until("words", role="assistant", text="number 2999", final=True)
        assert len([one for one in caller.all("words") if one["role"] == "assistant"]) < 3000
        await caller.send(message("hangup"))
        await caller.to_the_end()
        assert caller.code == 1000


async def test_thousands_of_digits_are_told_in_bounded_pieces() -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.start()
        await caller.send(*[message("digit", digit="7")] * 3000)
        await caller.until("words", role="assistant", final=True)


async def test_one_that_sends_nothing_is_let_go_and_no_call_was_opened_to_the_model() -> None:
    async with open_house(Parrot()) as house, beside(house), stranger(house) as caller:
        await caller.to_the_end()
        assert caller.all("error")[0]["message"].startswith("Expected the call to begin within")
        assert caller.code == 1008


async def test_one_that_never_reads_is_given_up_and_costs_little() -> None:
    """Its socket is stuffed by answers; nothing is read, not even by the library underneath."""
    async with open_house(Parrot()) as house, beside(house):
        host, port = house.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(_handshake(house.address))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        writer.write(_frame(START))
        for _ in range(8):
            writer.write(_frame(message("text", text="x" * 2000)))
            await asyncio.sleep(5)
        assert house.gateway.switchboard.statistics().live == 0, "the bystander is gone, too"
        writer.transport.abort()


async def test_a_line_that_breaks_without_a_word_ends_the_call() -> None:
    async with open_house(Parrot()) as house, beside(house):
        async with stranger(house) as caller:
            await caller.start()
            caller.socket.transport.abort()
        await _alone(house.gateway.switchboard)


async def test_a_hundred_callers_that_come_and_go_at_once_leave_nothing() -> None:
    async def come_and_go(number: int) -> None:
        async with stranger(house) as caller:
            await caller.send(*[START, message("text", text="hello"), bytes(PIECE)][: number % 4])
            await asyncio.sleep(number / 200)
            caller.socket.transport.abort()

    async with open_house(Parrot()) as house, beside(house):
        await asyncio.gather(*map(come_and_go, range(90)))
        await _alone(house.gateway.switchboard)
        assert house.gateway.switchboard.statistics().refused == 0


async def test_one_call_too_many_is_told_that_the_lines_are_busy() -> None:
    variables = {"TRUNKLINE_SERVER__MAX_CALLS": "1"}
    async with open_house(Parrot(), variables=variables) as house, beside(house):
        await asyncio.sleep(0.1)
        async with stranger(house, subprotocols=["trunkline"]) as caller:
            await caller.to_the_end()
        assert "lines are busy" in caller.all("error")[0]["message"]
        assert caller.code == 1013


async def _alone(switchboard: object) -> None:
    """Until only the bystander is left, or nobody."""
    async with asyncio.timeout(120):
        while switchboard.statistics().live > 1:  # type: ignore[attr-defined]
            await asyncio.sleep(0.1)


def _handshake(address: str) -> bytes:
    host = address.removeprefix("http://")
    return (
        f"GET /browser HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def _frame(text: str) -> bytes:
    """A masked text frame; the mask is zero."""
    data = text.encode()
    size = len(data)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + data


def test_the_messages_above_are_what_they_say() -> None:
    assert json.loads(BROKEN["start twice"][0][0])["type"] == "start"
