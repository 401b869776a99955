"""chan_websocket's bridge: who may connect, both forms of control, flow control, whole frames."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

import pytest
from httpx2 import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from audio.format import Format, pcm16
from gateway.call.effects import Flush, Play
from gateway.call.events import (
    CallerAudio,
    CallerDigit,
    CallerJoined,
    CallerPlayed,
    TransferOrdered,
)
from gateway.callers.chan_websocket_wire import FORMATS, LARGEST, LONGEST_TEXT, ChanWebSocketDialect
from gateway.callers.dialect import Message, Reply, fitted
from gateway.errors import SettingsError, WireError
from tests.callers.peers.chan_websocket import PASSWORD, PEER, Stream, basic
from tests.callers.peers.provider import Clear, HungUp, Mark, Order, Sound
from tests.house import House, open_house

PLAIN = {**PEER.settings, "TRUNKLINE_TURNS__SECOND_OPINION": "false"}
SLICE = b"\1\2" * 3_200  # 200 ms at 16 kHz


def begun(stream: Stream | None = None, **given: str) -> tuple[ChanWebSocketDialect, Stream]:
    stream = stream or Stream()
    dialect = ChanWebSocketDialect(given)
    for message in stream.begin():
        list(dialect.decode(message))
    return dialect, stream


def orders(dialect: ChanWebSocketDialect, stream: Stream, *plays: Play) -> list[Order]:
    messages = [message for play in plays for message in dialect.encode(play)]
    return [order for message in messages for order in stream.take(message)]


async def media(house: House, query: str = "", password: str = PASSWORD) -> ClientConnection:
    address = house.address.replace("http://", "ws://") + f"/chan_websocket/media{query}"
    protocols = [Subprotocol("media")]
    return await connect(
        address,
        additional_headers=basic(password) if password else {},
        subprotocols=protocols,
        proxy=None,
    )


async def until_closed(link: ClientConnection) -> tuple[list[Message], int]:
    said: list[Message] = []
    with suppress(ConnectionClosed):
        while True:
            said.append(await link.recv())
    assert link.close_code is not None
    return said, link.close_code


# ---------------------------------------------------------------- who may connect


@pytest.mark.virtual_clock
@pytest.mark.parametrize("password", ["wrong", "", "a password "])
async def test_without_the_password_there_is_no_upgrade(
    password: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_house(variables=PLAIN) as house:
        with pytest.raises(InvalidStatus) as refused:
            await media(house, password=password)
    assert refused.value.response.status_code == 403
    assert "was turned away" in caplog.text
    assert PASSWORD not in caplog.text


@pytest.mark.virtual_clock
async def test_a_password_is_wanted() -> None:
    variables = {**PLAIN, "TRUNKLINE_BRIDGES__CHAN_WEBSOCKET__PASSWORD": ""}
    with pytest.raises(SettingsError, match=r"chan_websocket\.password is empty"):
        async with open_house(variables=variables):
            pass


@pytest.mark.virtual_clock
async def test_a_ticket_that_is_shown_must_be_good_and_says_who_calls() -> None:
    async with open_house(variables=PLAIN) as house:
        bad = await media(house, "?ticket=11111111-2222-4333-8444-555555555555")
        await bad.send(Stream().begin()[0])
        assert await until_closed(bad) == (['{"command":"HANGUP"}'], 1008)
        async with AsyncClient() as http:
            fields = {"from": "+15550100", "to": "100", "customer": "4711"}
            given = await http.post(f"{house.address}/chan_websocket/voice", data=fields)
            good = await media(house, f"?ticket={given.text}")
            await good.send(Stream().begin()[0])
            assert await good.recv() == '{"command":"ANSWER"}'
            (session,) = house.gateway.switchboard._live.values()
            known = session.plan.metadata
            assert known.items() >= {"from": "+15550100", "to": "100", "customer": "4711"}.items()
            assert "ticket" not in known
            session.feed(TransferOrdered("agents"))
            said, code = await until_closed(good)
            assert (said[-1], code) == ('{"command":"HANGUP"}', 1000)
            address = f"{house.address}/chan_websocket/next/{given.text}"
            assert (await http.get(address)).text == "transfer|agents"


@pytest.mark.virtual_clock
async def test_a_call_that_is_not_let_in_is_not_answered_but_hung_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_house(variables={**PLAIN, "TRUNKLINE_SERVER__MAX_CALLS": "1"}) as house:
        first = await media(house)
        await first.send(Stream().begin()[0])
        assert await first.recv() == '{"command":"ANSWER"}'
        second = await media(house)
        await second.send(Stream(plain=True).begin()[0])
        assert await until_closed(second) == (["HANGUP"], 1013)
        await first.close()
    (line,) = [one for one in caplog.records if one.message == "a call was turned away"]
    assert line.__dict__["bridge"] == "chan_websocket"
    assert "All 1 lines are busy" in line.__dict__["why"]


# ---------------------------------------------------------------- both forms of control


@pytest.mark.parametrize("plain", [True, False])
def test_both_forms_say_the_same(plain: bool) -> None:
    dialect, stream = begun(Stream(plain=plain))
    told = orders(dialect, stream, Play("a", SLICE, 0, 0))
    marks = [one.name for one in told if isinstance(one, Mark)]
    assert len(marks) == 2
    heard = [
        fact for mark in marks for said in stream.played(mark) for fact in dialect.decode(said)
    ]
    assert heard == [CallerPlayed("a", 0, 0), CallerPlayed("a", 3_200, 0)]
    (pressed,) = [fact for said in stream.press("#") for fact in dialect.decode(said)]
    assert pressed == CallerDigit("#")
    flushed = [order for said in dialect.encode(Flush(1)) for order in stream.take(said)]
    assert flushed == [Clear()]
    ended = [order for said in dialect.farewell("done", None) for order in stream.take(said)]
    assert ended == [HungUp()]


def test_what_is_said_of_the_caller_is_known_by_its_plain_name() -> None:
    variables = {"__from": "+15550100", "_to": "100", "tenant": "acme", "MEDIA_WEBSOCKET_X": "1"}
    dialect = ChanWebSocketDialect({"tenant": "mine"})
    joined = next(dialect.decode(Stream(variables).begin()[0]))
    assert joined == CallerJoined(
        "+15550100",
        reports_playback=True,
        called="100",
        metadata={"tenant": "mine", "channel": "WebSocket/gw/0x7f", "channel_id": "1795.35"},
    )


def test_an_error_of_asterisk_is_for_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    dialect, _ = begun(Stream(plain=True))
    with caplog.at_level(logging.WARNING):
        said = "ERROR channel_id:1795.35 error_text:MARK_MEDIA not supported in passthrough mode"
        assert not list(dialect.decode(said))
    assert caplog.records[0].__dict__["why"] == "MARK_MEDIA not supported in passthrough mode"


@pytest.mark.parametrize(("name", "form"), FORMATS.items())
def test_each_codec_that_can_be_cut_into_frames_is_taken(name: str, form: Format) -> None:
    dialect, stream = begun(Stream(spoken=name, form=form))
    assert dialect.format == form
    second = Play("a", form.silence(form.rate), 0, 0)
    told = orders(dialect, stream, second)
    assert sum(len(one.audio) for one in told if isinstance(one, Sound)) == form.rate * form.width


@pytest.mark.parametrize("name", ["opus", "g729", "g722", "", "slin17"])
def test_other_codecs_are_refused_with_words_that_help(name: str) -> None:
    with pytest.raises(WireError, match=r"Dial with c\(slin16\)") as refused:
        list(ChanWebSocketDialect().decode(Stream(spoken=name).begin()[0]))
    assert refused.value.code == 1003


# ---------------------------------------------------------------- what Asterisk can take


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 50_000)), max_size=8),
    st.booleans(),
    st.integers(0, 10**18),
)
def test_whatever_is_played_all_messages_are_such_as_asterisk_takes(
    pieces: list[tuple[bool, int]], plain: bool, generation: int
) -> None:
    dialect, stream = begun(Stream(plain=plain))
    position, wanted = 0, b""
    for goes_on, samples in pieces:
        position = position if goes_on else 0
        messages = list(dialect.encode(Play("a", b"\1\2" * samples, position, generation)))
        position += samples
        for message in messages:
            stream.take(message)  # refuses what Asterisk would
            assert len(message) <= (LARGEST if isinstance(message, bytes) else LONGEST_TEXT)
        sound = b"".join(message for message in messages if isinstance(message, bytes))
        assert sound.strip(b"\0") == b"\1\2" * samples
        wanted += sound


def test_a_resampled_item_is_padded_where_it_begins_and_not_between() -> None:
    wire, _ = begun(Stream(spoken="slin48", form=pcm16(48_000)))
    dialect = fitted(wire, pcm16(24_000))
    sound = b"\7\0" * 4_800
    for number in range(5):
        told = dialect.encode(Play("a", sound, number * 4_800, 0))
        heard = b"".join(one for one in told if isinstance(one, bytes))
        silent = len(heard) - len(heard.lstrip(b"\0"))
        assert len(heard) == 19_200 if number else silent < 1_920
        assert not heard.endswith(bytes(8))


# ---------------------------------------------------------------- flow control


def test_while_asterisk_wants_no_more_what_waits_stays_here() -> None:
    dialect, stream = begun()
    assert not list(dialect.decode(stream.event("MEDIA_XOFF")[0]))
    assert not orders(dialect, stream, Play("a", SLICE, 0, 0), Play("a", SLICE, 3_200, 0))
    replies = [fact.message for fact in _replies(dialect, stream.event("MEDIA_XON")[0])]
    assert [one for one in replies if isinstance(one, bytes)] == [SLICE, SLICE]
    assert len([one for one in replies if isinstance(one, str)]) == 3
    assert orders(dialect, stream, Play("a", SLICE, 6_400, 0))


def test_what_waits_here_is_taken_back_by_a_flush() -> None:
    dialect, stream = begun()
    list(dialect.decode(stream.event("MEDIA_XOFF")[0]))
    orders(dialect, stream, Play("a", SLICE, 0, 0))
    assert list(dialect.encode(Flush(1))) == ['{"command":"FLUSH_MEDIA"}']
    assert not orders(dialect, stream, Play("b", SLICE, 0, 1))
    replies = [fact.message for fact in _replies(dialect, stream.event("MEDIA_XON")[0])]
    assert [one for one in replies if isinstance(one, bytes)] == [SLICE]
    assert all(
        json.loads(one)["correlation_id"][0] == "1" for one in replies if isinstance(one, str)
    )


def test_what_waits_here_is_bounded() -> None:
    dialect, stream = begun()
    list(dialect.decode(stream.event("MEDIA_XOFF")[0]))
    for number in range(1_000):
        orders(dialect, stream, Play("a", SLICE, number * 3_200, 0))
    waiting = [fact.message for fact in _replies(dialect, stream.event("MEDIA_XON")[0])]
    assert len(waiting) == 600
    assert sum(len(one) for one in waiting if isinstance(one, bytes)) == 32_000 * 60


def _replies(dialect: ChanWebSocketDialect, message: Message) -> list[Reply]:
    facts = list(dialect.decode(message))
    assert all(isinstance(fact, Reply) for fact in facts)
    return [fact for fact in facts if isinstance(fact, Reply)]


def test_half_a_sample_is_dropped() -> None:
    dialect, _ = begun()
    assert list(dialect.decode(b"\1\2\3")) == [CallerAudio(b"\1\2")]
