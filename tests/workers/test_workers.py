"""A gateway of several processes is one gateway: to callers, to operators, and when one dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from httpx2 import AsyncClient
from websockets.asyncio.client import connect

from gateway.load import clips, upstream
from gateway.load.caller import Behaviour
from gateway.load.fleet import Fleet
from gateway.load.lines.ways import Target, way_to
from gateway.load.notes import CallBegan, CallEnded, Heard, Note
from gateway.load.script import Script
from tests.house import message
from tests.process import GatewayProcess, gateway_process

SPEECH = [Path(__file__).parents[2] / "samples" / "audio" / "commands" / "what_time.wav"]
TALK = Behaviour(think=0.3, barge_in=0.0, answer=0.6)
TOKEN = "12345"
SETTINGS = f"""
kind = "openai"
api_key = "any"
[turns]
second_opinion = false
[quotas]
tenant_calls = 6
[shutdown]
finish_s = {{}}
goodbye_s = 1
[bridges.twilio]
enabled = true
auth_token = "{TOKEN}"
"""


@dataclass
class Workers:
    """The gateway, and callers of it."""

    gateway: GatewayProcess
    http: AsyncClient
    notes: list[Note] = field(default_factory=list)

    @asynccontextmanager
    async def fleet(self) -> AsyncIterator[Fleet]:
        way = way_to(Target("twilio", f"{self.gateway.address}/twilio/voice", TOKEN))
        fleet = Fleet(way, clips.read(SPEECH, way.form), TALK, self.notes.append)
        try:
            yield fleet
        finally:
            await fleet.close()

    async def listed(self) -> list[dict[str, Any]]:
        """The calls, as any worker lists them."""
        found: list[dict[str, Any]] = (await self.http.get("/api/calls")).json()["calls"]
        return found

    def ended(self, cause: str) -> int:
        """How many calls have ended so."""
        return self.count(CallEnded, lambda note: note.cause == cause)

    def count(self, kind: type[Note], so: Callable[[Any], bool] = lambda note: True) -> int:
        return sum(isinstance(note, kind) and so(note) for note in self.notes)

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not so():
                await asyncio.sleep(0.02)

    async def figure(self, name: str) -> float:
        """A figure of the page, over any connection, and so from any worker."""
        page = (await self.http.get("/metrics")).text
        return sum(float(one) for one in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.M))

    async def until_live(self, so: Callable[[float], bool]) -> None:
        """Wait for the number of live calls: what a worker has done, others hear of soon after."""
        async with asyncio.timeout(30):
            while not so(await self.figure("trunkline_calls_live")):
                await asyncio.sleep(0.05)


@asynccontextmanager
async def workers(folder: Path, finish: float = 0.5) -> AsyncIterator[Workers]:
    """Two of them, which give calls so many seconds to end."""
    async with upstream.serve(Script(answer=0.6), lambda note: None) as model:
        sections = SETTINGS.format(finish)
        order = gateway_process(folder, model, sections, "--workers", "2")
        async with order as gateway:
            base = {"base_url": gateway.address, "trust_env": False, "timeout": 10}
            async with AsyncClient(**base) as http:  # type: ignore[arg-type]
                yield Workers(gateway, http)


def children(pid: int) -> list[int]:
    """The processes that it has begun."""
    return [one.pid for one in psutil.Process(pid).children()]


@pytest.mark.long
async def test_a_worker_that_dies_takes_only_its_calls_and_another_takes_its_place(
    tmp_path: Path,
) -> None:
    async with workers(tmp_path, finish=60) as house, house.fleet() as callers:
        await callers.grow(6, 10)
        assert house.count(CallBegan) == 6
        await house.until_live(lambda live: live == 6)
        await callers.grow(1, 10)
        assert house.ended("refused") == 1, "the quota is one for both"
        await house.until(lambda: house.count(Heard) >= 6)
        answers = await house.figure("trunkline_responses_total")
        assert answers >= 6
        victim = children(house.gateway.child.pid)[0]
        os.kill(victim, signal.SIGKILL)
        died = await house.gateway.wait_said("a worker died; another takes its place")
        assert died["status"] == -signal.SIGKILL
        assert await house.figure("trunkline_responses_total") >= answers, "all stays counted"
        await house.gateway.wait_said("a worker is ready")
        assert await house.figure("trunkline_responses_total") >= answers, "all stays counted"
        await house.until_live(lambda live: live == 6 - house.ended("broke in the middle"))
        lost = house.ended("broke in the middle")
        assert 2 <= lost <= 4, "calls are spread"
        assert len(await house.listed()) == 6 - lost, "those of the dead are no more"
        mark = len(house.notes)
        await house.until(lambda: any(isinstance(note, Heard) for note in house.notes[mark:]))
        assert house.ended("broke in the middle") == lost, "others live on"
        assert victim not in children(house.gateway.child.pid)
        house.gateway.child.send_signal(signal.SIGTERM)
        await house.gateway.wait_said("stopping")
        os.kill(children(house.gateway.child.pid)[0], signal.SIGKILL)
        died = await house.gateway.wait_said("a worker died before its calls had ended")
        assert died["status"] == -signal.SIGKILL


async def test_any_connection_finds_its_call_and_a_stop_ends_all_of_them(tmp_path: Path) -> None:
    async with workers(tmp_path) as house:
        page = house.gateway.address.replace("http", "ws") + "/browser"
        async with connect(f"{page}?returns=1") as one, connect(f"{page}?returns=1") as two:
            calls = [await begun(one), await begun(two)]
            assert len({call[5:7] for call in calls}) == 2, "each worker has one"
            while {call["id"] for call in await house.listed()} != set(calls):
                await asyncio.sleep(0.05)
            for call in calls:
                found = await house.http.get(f"/api/calls/{call}")
                assert found.json()["id"] == call
            one.transport.abort()
            two.transport.abort()
            for call in calls:  # each over a connection that is new, and so for its worker
                async with connect(f"{page}?call={call}") as back:
                    assert await begun(back) == call
                    back.transport.abort()
            ended = await house.http.post("/api/stops", json={"kind": "everything"})
            assert ended.status_code == 200, ended.text
        await house.until_live(lambda live: not live)
        assert await house.figure("trunkline_calls_total") == 2
        text = house.gateway.file.read_text()
        house.gateway.file.write_text(text.replace("tenant_calls = 6", "tenant_calls = 1"))
        house.gateway.child.send_signal(signal.SIGHUP)
        for _ in range(2):
            await house.gateway.wait_said("the settings are reloaded; new calls get them")
        async with house.fleet() as callers:
            await callers.grow(1, 10)
            await house.until_live(lambda live: live >= 1)
            await callers.grow(1, 10)
            assert house.ended("refused") == 1, "by what was read again"
            house.gateway.child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await house.gateway.child.wait() == 0
            await house.until(lambda: house.count(CallEnded) == 2)
            assert house.count(CallEnded, lambda note: "1000" in note.detail) == 1


@pytest.mark.long
async def test_who_comes_while_it_stops_is_told_and_workers_end_well_without_their_parent(
    tmp_path: Path,
) -> None:
    async with workers(tmp_path, finish=60) as house, house.fleet() as callers:
        await callers.grow(2, 10)
        await house.until_live(lambda live: live == 2)
        parent = psutil.Process(house.gateway.child.pid)
        both = parent.children()
        folder = Path(json.loads(both[0].cmdline()[-1])["folder"])
        parent.terminate()
        for _ in both:
            await house.gateway.wait_said("stopping")
        async with AsyncClient(base_url=house.gateway.address, trust_env=False) as another:
            assert (await another.get("/readyz")).status_code == 503
            assert "trunkline_calls_live 2.0" in (await another.get("/metrics")).text
        parent.kill()
        callers.shrink(1)
        await house.until(lambda: sum(one.is_running() for one in both) == 1)
        callers.shrink(1)
        _, said = await house.gateway.child.communicate()
        assert all(line.startswith(b"{") for line in said.splitlines()), "no traceback"
        assert not folder.exists()


async def begun(socket: Any) -> str:
    """Join, or come back; gives the call's id."""
    await socket.send(message("start", reports=False))
    async for frame in socket:
        if isinstance(frame, str) and (said := json.loads(frame))["type"] == "started":
            return str(said["call"])
    raise AssertionError(f"closed: {socket.close_code} {socket.close_reason}")
