"""AudioSocket's bridge: tickets, what a dialplan may ask, raw G.711, and the port."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

import numpy as np
import pytest
from httpx2 import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import wav
from audio.convert import encode
from audio.format import Encoding
from audio.tone import sine
from gateway.call.effects import Flush, Play
from gateway.call.events import CallerAudio, TransferOrdered
from gateway.callers.audiosocket_wire import RATES, AudioSocketDialect, Guess
from gateway.callers.dialect import facts
from gateway.errors import SettingsError, TrunklineError
from tests.callers.peers.audiosocket import (
    PEER,
    PORT,
    WORD,
    Stream,
    TcpLink,
    dial,
    frame,
    ticket,
)
from tests.callers.peers.journal import Calls, effects, events
from tests.callers.peers.peer import Ring, call
from tests.callers.tcp_door import rest
from tests.house import House, open_house

SAMPLES = Path(__file__).parents[2] / "samples/audio/commands"
PLAIN = {**PEER.settings, "TRUNKLINE_TURNS__SECOND_OPINION": "false"}
HANG_UP = [b"\0\0\0"]


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


async def begin(word: str) -> TcpLink:
    link = await dial()
    await link.send(Stream(word).begin()[0])
    await link.send(frame(0x10, bytes(320)))
    return link


async def what_is_next(house: House, word: str) -> tuple[int, str]:
    async with AsyncClient() as http:
        response = await http.get(f"{house.address}/audiosocket/next/{word}")
    return response.status_code, response.text


# ---------------------------------------------------------------- who may call


@pytest.mark.virtual_clock
async def test_a_uuid_that_is_no_ticket_is_hung_up_on_and_the_dialplan_learns_why() -> None:
    async with open_house(variables=PLAIN) as house:
        assert await rest(await begin(WORD)) == HANG_UP
        assert await what_is_next(house, WORD) == (200, "refused|21")
        assert await what_is_next(house, WORD) == (404, "unknown|0")
        assert house.gateway.switchboard.statistics().admitted == 0


@pytest.mark.virtual_clock
async def test_a_ticket_lets_in_one_call() -> None:
    async with open_house(variables=PLAIN) as house:
        word = await ticket(house, Ring())
        first = await begin(word)
        assert await first.recv() == frame(0x10, bytes(320))
        assert await rest(await begin(word)) == HANG_UP
        assert await first.recv() == frame(0x10, bytes(320))
        await first.close()


@pytest.mark.virtual_clock
async def test_when_all_lines_are_busy_the_dialplan_learns_the_cause() -> None:
    async with open_house(variables={**PLAIN, "TRUNKLINE_SERVER__MAX_CALLS": "1"}) as house:
        first = await begin(await ticket(house, Ring()))
        await first.recv()
        word = await ticket(house, Ring())
        assert await rest(await begin(word)) == HANG_UP
        assert await what_is_next(house, word) == (200, "busy|42")
        await first.close()


@pytest.mark.virtual_clock
async def test_tickets_are_for_whoever_shows_the_servers_token() -> None:
    variables = {**PLAIN, "TRUNKLINE_SERVER__TOKEN": "secret token"}
    async with open_house(variables=variables) as house, AsyncClient() as http:
        address = f"{house.address}/audiosocket/voice"
        assert (await http.post(address, data={"from": "1"})).status_code == 403
        headers = {"Authorization": "Bearer secret token"}
        given = await http.post(address, data={"from": "1"}, headers=headers)
        assert (given.status_code, len(given.text)) == (200, 36)
        large = await http.post(address, content=b"x" * 300_000, headers=headers)
        assert large.status_code == 413


@pytest.mark.virtual_clock
async def test_without_tickets_the_uuid_tells_calls_apart(calls: Calls) -> None:
    variables = {**PLAIN, **calls.settings, "TRUNKLINE_BRIDGES__AUDIOSOCKET__TICKETS": "false"}
    async with open_house(variables=variables) as house:
        link = await begin(WORD)
        await link.recv()
        await link.close()
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.02)
    assert calls.only()[0]["plan"]["metadata"]["uuid"] == WORD


async def test_a_port_that_others_reach_wants_tickets() -> None:
    variables = {
        **PLAIN,
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__TICKETS": "false",
        "TRUNKLINE_BRIDGES__AUDIOSOCKET__HOST": "0.0.0.0",
    }
    with pytest.raises(SettingsError, match=r"bridges\.audiosocket\.tickets is false"):
        async with open_house(variables=variables):
            pass


async def test_a_port_that_is_taken_is_named() -> None:
    with (
        socket.create_server(("127.0.0.1", PORT)),
        pytest.raises(TrunklineError, match=rf"bridges\.audiosocket: .*{PORT} is in use"),
    ):
        async with open_house(variables=PLAIN):
            pass


async def test_it_says_where_it_listens_and_who_can_reach_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "gateway.callers.audiosocket"):
        async with open_house(variables=PLAIN):
            pass
    (line,) = [one for one in caplog.records if one.message == "AudioSocket listens"]
    assert line.__dict__["address"] == f"127.0.0.1:{PORT}"
    assert line.__dict__["reach"].startswith("this machine only")


@pytest.mark.virtual_clock
async def test_only_so_many_may_wait_without_saying_who_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.callers.audiosocket.WAITING", 3)
    async with open_house(variables=PLAIN) as house:
        word = await ticket(house, Ring())
        silent = [await dial() for _ in range(3)]
        await asyncio.sleep(0.1)
        assert await rest(await dial()) == []  # cut off at once
        await silent.pop().close()
        await asyncio.sleep(0.1)
        link = await begin(word)
        assert await link.recv() == frame(0x10, bytes(320))
        for one in (link, *silent):
            await one.close()


# ---------------------------------------------------------------- what is next


@pytest.mark.virtual_clock
async def test_a_transfer_hangs_up_and_tells_the_dialplan_where_to_go_on() -> None:
    target = "sip:agent@pbx.test"
    async with open_house(variables=PLAIN) as house:
        word = await ticket(house, Ring())
        link = await begin(word)
        await link.recv()
        (session,) = house.gateway.switchboard._live.values()
        session.feed(TransferOrdered(target))
        assert (await rest(link))[-1:] == HANG_UP
        assert await what_is_next(house, word.upper()) == (200, f"transfer|{target}")


@pytest.mark.virtual_clock
async def test_a_transfer_that_is_refused_leaves_the_call_as_it_was(calls: Calls) -> None:
    async with open_house(variables={**PLAIN, **calls.settings}) as house:
        word = await ticket(house, Ring())
        link = await begin(word)
        await link.recv()
        (session,) = house.gateway.switchboard._live.values()
        session.feed(TransferOrdered("${EVIL}"))
        for _ in range(10):
            await link.recv()
        await link.close()
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.02)
        assert await what_is_next(house, word) == (404, "unknown|0")
    assert len(events(calls.only(), "TransferFailed")) == 1


@pytest.mark.virtual_clock
async def test_when_the_assistant_hangs_up_the_dialplan_learns_that_all_is_well() -> None:
    async with open_house(variables=PLAIN) as house:
        word = await ticket(house, Ring())
        link = await begin(word)
        await link.recv()
        await house.gateway.switchboard.drain(5)
        assert (await rest(link))[-1:] == HANG_UP
        assert await what_is_next(house, word) == (200, "ended|16")


# ---------------------------------------------------------------- sound


@pytest.mark.parametrize("clip", sorted(SAMPLES.glob("*.wav"))[:6], ids=lambda clip: clip.stem)
@pytest.mark.parametrize("encoding", ["pcmu", "pcma", "pcm16"])
def test_frames_of_160_bytes_are_told_apart_by_their_sound(clip: Path, encoding: Encoding) -> None:
    sound = encode(wav.read(clip, rate=8_000), encoding)
    guess = Guess()
    told = [guess.hear(sound[at : at + 160]) for at in range(0, len(sound) - 160, 160)]
    assert told[-1] == (None if encoding == "pcm16" else encoding)
    right = sum(one == told[-1] for one in told)
    assert right >= 0.97 * len(told)


@pytest.mark.parametrize(
    ("byte", "encoding"),
    [(0xFF, "pcmu"), (0x7F, "pcmu"), (0xD5, "pcma"), (0x55, "pcma"), (0x00, None)],
)
def test_frames_of_nothing_but_silence_are_told_apart_too(
    byte: int, encoding: Encoding | None
) -> None:
    assert Guess().hear(bytes([byte]) * 160) == encoding


@pytest.mark.virtual_clock
async def test_a_call_in_raw_mu_law_is_understood_and_the_operator_told(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    speech = encode(wav.read(SAMPLES / "where_is_my_order.wav", rate=8_000), "pcmu")
    speech += b"\xff" * (80 * 160)
    async with open_house(variables={**PLAIN, **calls.settings}) as house:
        link = await dial()
        await link.send(Stream(await ticket(house, Ring())).begin()[0])
        heard = []
        for at in range(0, len(speech) - 160, 160):
            await link.send(frame(0x10, speech[at : at + 160]))
            heard.append(await link.recv())
        await link.close()
    assert len(effects(calls.only(), "Commit")) == 1
    assert {len(one) for one in heard} == {323}  # Asterisk reads nothing but PCM16
    assert any(any(one[3:]) for one in heard)
    (line,) = [one for one in caplog.records if one.message == "raw G.711"]
    assert "c(slin)" in line.__dict__["what"]


@pytest.mark.parametrize(("kind", "rate"), RATES.items())
def test_each_kind_of_sound_is_answered_in_its_own(kind: int, rate: int) -> None:
    dialect = AudioSocketDialect()
    list(dialect.decode(Stream().begin()[0]))
    sound = sine(440, 0.02, rate)
    assert list(facts(dialect.decode(frame(kind, sound)))) == [CallerAudio(sound)]
    assert dialect.format.rate == rate
    assert list(dialect.encode(Play("a", sound, 0, 0))) == [frame(kind, sound)]


@given(st.binary(max_size=200_000), st.sampled_from(sorted(RATES)))
@settings(max_examples=50, deadline=None)
def test_nothing_is_sent_that_asterisk_takes_for_an_error(pcm: bytes, kind: int) -> None:
    dialect = AudioSocketDialect()
    list(dialect.decode(Stream().begin()[0]))
    list(dialect.decode(frame(kind, bytes(320))))
    sent = [*dialect.encode(Play("a", pcm, 0, 0)), *dialect.encode(Flush(1))]
    assert all(isinstance(one, bytes) and one[0] == kind and len(one) > 3 for one in sent)
    assert b"".join(one[3:] for one in sent if isinstance(one, bytes)) == pcm
    assert list(dialect.farewell("done", None)) == HANG_UP


def test_another_kind_in_mid_call_is_converted() -> None:
    dialect = AudioSocketDialect()
    list(dialect.decode(Stream().begin()[0]))
    list(dialect.decode(frame(0x10, sine(440, 0.02, 8_000))))
    heard = b""
    for _ in range(50):
        for fact in facts(dialect.decode(frame(0x12, sine(440, 0.02, 16_000)))):
            assert isinstance(fact, CallerAudio)
            heard += fact.pcm
    assert 7_900 <= len(heard) // 2 <= 8_000
    assert np.abs(np.frombuffer(heard, "<i2")).max() > 1_000


@pytest.mark.virtual_clock
async def test_twenty_calls_get_a_frame_each_20_ms() -> None:
    async with open_house(variables=PLAIN) as house:
        loop = asyncio.get_running_loop()
        links = [await begin(await ticket(house, Ring())) for _ in range(20)]
        for link in links:
            await link.recv()

        async def frames(link: TcpLink) -> int:
            end, count = loop.time() + 2.0, 0
            while loop.time() < end:
                assert await link.recv() == frame(0x10, bytes(320))
                count += 1
            return count

        counts = await asyncio.gather(*map(frames, links))
        assert all(abs(count - 100) <= 1 for count in counts)
        for link in links:
            await link.close()
    assert house.gateway.switchboard.statistics().live == 0


@pytest.mark.virtual_clock
async def test_a_call_hung_up_at_any_moment_leaves_nothing(calls: Calls) -> None:
    async with open_house(variables={**PLAIN, **calls.settings}) as house:
        for moment in range(8):
            async with call(PEER, house) as telephone:
                await telephone.until(lambda: len(telephone.sent) >= moment)  # noqa: B023
                await telephone.break_off()
        while house.gateway.switchboard.statistics().live:
            await asyncio.sleep(0.02)
    assert all(effects(one, "End") for one in calls.all())
