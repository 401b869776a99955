"""What a real Asterisk once said, said again byte for byte to the real listeners."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.call.events import CallerAudio, CallerDigit, CallerJoined
from gateway.callers.audiosocket_wire import AudioSocketDialect, Frames
from gateway.callers.dialect import Reply
from gateway.callers.dialect import facts as facts_in
from tests.callers.capture import Capture, decoded, load, replay
from tests.callers.peers.audiosocket import PORT, WORD
from tests.callers.peers.journal import Calls, effects, events
from tests.house import House, open_house

HANGUP = "audiosocket_app_gateway_hangup"
DIGITS = "audiosocket_app_slin8_dtmf_caller_hangup"
WIDE = "audiosocket_dial_slin16"


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


AUDIOSOCKET = {
    "TRUNKLINE_BRIDGES__AUDIOSOCKET__ENABLED": "true",
    "TRUNKLINE_BRIDGES__AUDIOSOCKET__PORT": str(PORT),
    "TRUNKLINE_BRIDGES__AUDIOSOCKET__TICKETS": "false",
    "TRUNKLINE_TURNS__SECOND_OPINION": "false",
}
CHAN_WEBSOCKET = {
    "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__ENABLED": "true",
    "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__USERNAME": "astuser",
    "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__PASSWORD": "astpass",
    "TRUNKLINE_TURNS__SECOND_OPINION": "false",
}


async def until_empty(house: House) -> None:
    async with asyncio.timeout(20):
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.02)


def facts(pieces: Iterable[bytes]) -> list[object]:
    """What such reads of a stream mean."""
    frames, dialect = Frames(), AudioSocketDialect()
    told = [
        fact
        for piece in pieces
        for frame in frames.push(piece)
        for fact in facts_in(dialect.decode(frame))
        if not isinstance(fact, Reply)
    ]
    assert not frames.pending
    return list(told)


# ---------------------------------------------------------------- AudioSocket


@pytest.mark.parametrize(
    ("name", "rate", "frames", "digits"),
    [(HANGUP, 8_000, 26, ""), (DIGITS, 8_000, 133, "5#A"), (WIDE, 16_000, 95, "1")],
)
@pytest.mark.parametrize("cut", [0, 2, 100])
@pytest.mark.virtual_clock
async def test_a_session_of_audiosocket_is_understood_over_a_socket(
    calls: Calls, name: str, rate: int, frames: int, digits: str, cut: int
) -> None:
    capture = load(name)
    async with open_house(variables={**AUDIOSOCKET, **calls.settings}) as house:
        answered = await replay(capture, PORT, cut=cut)
        await until_empty(house)
    told = calls.only()
    assert told[0]["plan"]["rate"] == rate
    assert told[0]["plan"]["metadata"] == {"uuid": WORD, "bridge": "audiosocket"}
    assert sum(line["pcm"] for line in events(told, "CallerAudio")) == frames * rate // 50
    pressed = "".join(line["digit"] for line in events(told, "CallerDigit"))
    assert pressed == digits
    assert [line["reason"] for line in effects(told, "End")] == ["hung up"]
    kinds = Counter((frame[0], len(frame)) for frame in Frames().push(answered))
    ((kind, size),) = kinds  # nothing but whole frames, in the caller's own kind
    assert (kind, size) == (0x10 if rate == 8_000 else 0x12, 3 + rate // 50 * 2)
    seconds = capture.peer[-1].at - capture.peer[1].at
    assert kinds[kind, size] == pytest.approx(seconds * 50, abs=4)


def test_a_session_means_the_same_wherever_its_reads_are_cut() -> None:
    whole = load(HANGUP).said
    known = facts([whole])
    assert [type(fact) for fact in known] == [CallerJoined] + [CallerAudio] * 26
    for at in range(len(whole) + 1):
        assert facts([whole[:at], whole[at:]]) == known, at


@pytest.mark.parametrize("name", [HANGUP, DIGITS, WIDE])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 322, 323, 324, 4096])
def test_a_session_means_the_same_in_reads_of_any_size(name: str, size: int) -> None:
    whole = load(name).said
    assert facts(whole[at : at + size] for at in range(0, len(whole), size)) == facts([whole])


def test_the_reads_of_the_capture_mean_what_was_seen_in_it() -> None:
    capture = load(DIGITS)
    told = facts(read.data for read in capture.peer)
    assert told[0] == CallerJoined(metadata={"ticket": WORD})
    assert [fact.digit for fact in told if isinstance(fact, CallerDigit)] == [*"5#A"]
    assert {len(fact.pcm) for fact in told if isinstance(fact, CallerAudio)} == {320}


@pytest.mark.virtual_clock
async def test_the_gateways_farewell_is_the_byte_for_byte_one(calls: Calls) -> None:
    capture = load(HANGUP)
    assert b"".join(read.data for read in capture.gateway) == b"\0\0\0"
    still = Capture((*capture.peer[:-1], capture.peer[-1].__class__(3.0, b"")), ())
    async with open_house(variables={**AUDIOSOCKET, **calls.settings}) as house:
        replaying = asyncio.create_task(replay(still, PORT))
        await asyncio.sleep(1)
        await house.gateway.switchboard.drain(1)
        answered = await replaying
    frames = list(Frames().push(answered))
    assert frames[-1] == b"\0\0\0"
    assert {frame[0] for frame in frames[:-1]} == {0x10}


# ---------------------------------------------------------------- chan_websocket


def sent(stream: bytes) -> Iterator[str | bytes]:
    """The messages of a WebSocket's server, whose frames are neither masked nor in parts."""
    head, _, rest = stream.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"sec-websocket-protocol: media" in head.lower()
    while rest:
        assert rest[0] & 0x80, "a message in fragments"
        size, at = rest[1], 2
        if size == 126:
            size, at = int.from_bytes(rest[2:4], "big"), 4
        assert size < 126 or at == 4
        payload = rest[at : at + size]
        if rest[0] & 15 in (1, 2):
            yield payload.decode() if rest[0] & 15 == 1 else payload
        rest = rest[at + size :]


def words(said: str) -> dict[str, Any]:
    """A line of the decoded view."""
    if said.startswith("{"):
        fields: dict[str, Any] = msgspec.json.decode(said)
        return fields
    event, *rest = said.split(" ")
    pairs = (word.partition(":") for word in rest if ":" in word)
    return {"event": event, **{name: told for name, _, told in pairs}}


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("chan_websocket_json_slin16_answer_dtmf", 151),
        ("chan_websocket_text_slin16_paced", 150),
        ("chan_websocket_text_ulaw_bulk_mark_drain", 195),
    ],
)
@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.virtual_clock
async def test_a_session_of_chan_websocket_is_understood_over_a_socket(
    calls: Calls, name: str, frames: int, cut: int
) -> None:
    capture, seen = load(name), [words(said) for said in decoded(name)]
    path = (b"GET /ast?", b"GET /chan_websocket/media?")  # the rest is as it was
    async with open_house(variables={**CHAN_WEBSOCKET, **calls.settings}) as house:
        port = int(house.address.rpartition(":")[2])
        answered = await replay(capture, port, change=path, cut=cut)
        await until_empty(house)
    told = calls.only()
    start = seen[0]
    known = told[0]["plan"]["metadata"]
    assert (known["uuid"], known["channel_id"]) == ("abc-123", start["channel_id"])
    if variables := start.get("channel_variables"):
        assert known["CALLTAG"] == variables["__CALLTAG"]
    rate = 16_000 if start["format"] == "slin16" else 8_000
    assert told[0]["plan"]["rate"] == rate
    assert sum(line["pcm"] for line in events(told, "CallerAudio")) == frames * rate // 50
    digits = [one["digit"] for one in seen if one["event"] == "DTMF_END"]
    assert [line["digit"] for line in events(told, "CallerDigit")] == digits
    size = int(start["optimal_frame_size"])
    for message in sent(answered):
        if isinstance(message, bytes):
            assert len(message) % size == 0
        else:
            assert len(message.encode()) <= 128
            assert message.startswith("{") == bool(variables)
