"""The model's side fails in a live call, over real sockets: another session goes on with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from audio.pcm import silence
from gateway.admission.access import Access
from gateway.app import Gateway
from gateway.assistants.target import Target
from gateway.call.upstream import REANCHOR
from gateway.embedded.faults import Faults
from gateway.embedded.parts import Heard, Say, Situation, Thought
from gateway.embedded.server import Assistant, ServerOptions
from gateway.embedded.server import serve as serve_embedded
from gateway.rehearsal.sounds import RATE
from gateway.running.listening import listen
from gateway.running.opening import listening
from gateway.settings import Settings
from gateway.switchboard import Switchboard
from gateway.taps.metrics import Metrics
from tests.bad.street import Stranger, speech, stranger
from tests.house import EchoEars, House, ToneMouth
from tools.toolbox import Toolbox

pytestmark = pytest.mark.virtual_clock
LONG = ServerOptions(session_seconds=10_000)


@dataclass
class Clerk:
    """Answers with its name, and remembers what it was told each time."""

    name: str
    told: list[Situation] = field(default_factory=list)

    async def answer(self, situation: Situation) -> AsyncIterator[Thought]:
        self.told.append(situation)
        heard = sum(isinstance(line, Heard) for line in situation.lines)
        yield Say(f"{self.name} answers the line {heard}.")

    async def close(self) -> None: ...


@dataclass
class Stage:
    """A gateway with two assistants, of which each can be made to go."""

    house: House
    servers: list[AsyncExitStack]
    clerks: list[Clerk]

    async def stop(self, number: int) -> None:
        await self.servers[number].aclose()


@asynccontextmanager
async def stage(*options: ServerOptions, **recovery: object) -> AsyncIterator[Stage]:
    clerks = [Clerk(name) for name in ("Anna", "Bert")]
    async with AsyncExitStack() as stack:
        servers, urls = [], []
        for clerk, chosen in zip(clerks, options or (LONG, LONG), strict=True):
            server = await stack.enter_async_context(AsyncExitStack())
            parts = Assistant(EchoEars(), clerk, ToneMouth())
            address = await server.enter_async_context(serve_embedded(parts, options=chosen))
            servers.append(server)
            urls.append(address.base_url)
        bert = {"kind": "embedded", "base_url": urls[1]}
        settings = Settings.model_validate(
            {"assistants": {"bert": bert}, "recovery": {"assistants": ["bert"], **recovery}}
        )
        target = Target(kind="embedded", base_url=urls[0])
        toolbox = stack.enter_context(Toolbox(()))
        bound = stack.enter_context(listen("127.0.0.1", 0))
        board = Switchboard(10)
        gateway = Gateway(settings, target, toolbox, board, Metrics(), access=Access(settings))
        address = await stack.enter_async_context(listening(gateway, bound))
        yield Stage(House(gateway, address), servers, clerks)
        await board.drain(0)


def said(caller: Stranger) -> list[str]:
    final = [w for w in caller.all("words") if w["final"] and w["role"] == "assistant"]
    return [w["text"] for w in final]


async def test_another_assistant_goes_on_and_knows_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stage() as set_, stranger(set_.house) as caller:
        await caller.start()
        await caller.speak(speech())
        await caller.until("words", role="assistant", final=True)
        await set_.stop(0)
        await caller.until("notice", code="assistant_away")
        await caller.speak(speech())
        while len(said(caller)) < 2:
            await caller._take()
        assert said(caller) == ["Anna answers the line 1.", "Bert answers the line 2."]
        (situation,) = set_.clerks[1].told
        lines = [getattr(line, "text", "") for line in situation.lines]
        assert lines[1] == "Anna answers the line 1."
        assert any(REANCHOR[:40] in text for text in (*lines, situation.instructions))
        assert not [n for n in caller.all("notice") if n["code"] == "assistant_lost"]
    warnings = [one.message for one in caplog.records if one.name == "gateway.session"]
    assert warnings.count("a session with the model is lost") >= 1


async def test_a_question_that_was_under_way_is_answered_by_the_next() -> None:
    slow = replace(LONG, faults=Faults(delay_ms=1500))
    async with stage(slow, LONG) as set_, stranger(set_.house) as caller:
        await caller.start()
        await caller.speak(speech())
        await set_.stop(0)
        await caller.until("words", role="assistant", final=True)
        assert said(caller) == ["Bert answers the line 1."]


async def test_one_whose_every_session_breaks_soon_is_left_for_another() -> None:
    dropping = replace(LONG, faults=Faults(drop_after=12))
    async with stage(dropping, LONG) as set_, stranger(set_.house) as caller:
        await caller.start()
        await caller.speak(speech())
        await caller.until("words", role="assistant", final=True)
        assert said(caller)[-1].endswith("line 1.")


async def test_with_nobody_left_the_caller_is_told_and_the_call_ends() -> None:
    async with stage(patience_s=3) as set_, stranger(set_.house) as caller:
        await caller.start()
        await set_.stop(1)
        await set_.stop(0)
        await caller.to_the_end()
        codes = [notice["code"] for notice in caller.all("notice")]
        assert codes == ["assistant_away", "assistant_lost"]
        assert caller.heard > 24_000, "it was told so aloud, too"


async def test_a_session_that_reaches_its_limit_is_followed_by_another() -> None:
    short = replace(LONG, session_seconds=30)
    async with stage(short, LONG) as set_, stranger(set_.house) as caller:
        await caller.start()
        began = time.monotonic()
        speaking = asyncio.create_task(caller.speak(speech() + silence(40 * RATE) + speech()))
        while len(said(caller)) < 2:
            await caller._take()
        await speaking
        assert said(caller)[-1].endswith("line 2.")
        assert time.monotonic() - began < 60, "virtual time, not ours"
