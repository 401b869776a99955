"""A machine that has enough to do takes no more calls."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest

from gateway.admission.pressure import PERIOD, LoopLag, Pressure, resident
from gateway.clock import VirtualClockLoop
from gateway.rehearsal.house import open_house
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import load
from gateway.settings.limits import Limits
from gateway.switchboard import BusyError, Switchboard
from tests.whole import open_whole


def lagging(*late: float) -> LoopLag:
    lag = LoopLag()
    for number, one in enumerate(late):
        lag.add(number * PERIOD, one)
    return lag


@pytest.mark.parametrize("samples", [7, 19, 60])
def test_one_long_pause_is_no_lag(samples: int) -> None:
    assert lagging(*[0.001] * samples, 2.0).p95() == 0.001


def test_a_loop_that_is_late_time_and_again_lags() -> None:
    assert lagging(*[0.001, 0.4] * 20).p95() == 0.4


def test_what_is_older_than_five_seconds_is_forgotten() -> None:
    lag = lagging(*[0.9] * 20)
    for number in range(20):
        lag.add(100 + number * PERIOD, 0.0)
    assert lag.p95() == 0.0


def test_a_process_that_has_just_begun_has_no_lag() -> None:
    assert lagging(3.0, 3.0).p95() == 0.0


async def test_a_blocked_loop_is_measured() -> None:
    pressure = Pressure(Limits())
    async with pressure.watched():
        for _ in range(30):
            time.sleep(0.06)  # noqa: ASYNC251  # it is what is measured
            await asyncio.sleep(0.001)
        assert 0.004 < pressure.lag.p95() < 5


ELSEWHERE = {"TRUNKLINE_ASSISTANT__KIND": "openai", "TRUNKLINE_ASSISTANT__API_KEY": "any"}


async def stutter() -> None:
    """Let the loop be kept from its work, time and again."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualClockLoop)
    for _ in range(20):
        loop.stall(0.4)
        await asyncio.sleep(PERIOD)


@pytest.mark.virtual_clock
async def test_what_holds_up_the_start_holds_up_no_call() -> None:
    with listen("127.0.0.1", 0) as bound:
        async with open_gateway(load(None, ELSEWHERE)) as gateway:
            assert gateway.pressure is not None
            await stutter()
            assert gateway.pressure.why() == ""
            async with listening(gateway, bound):
                await stutter()
                assert "ms late" in gateway.pressure.why()


@pytest.mark.virtual_clock
async def test_a_rehearsal_is_refused_nothing_however_busy_the_machine_is() -> None:
    async with open_house(load(None, ELSEWHERE)) as house:
        await stutter()
        assert house.gateway.pressure is not None
        assert house.gateway.pressure.lag.p95() > 0.2
        assert house.gateway.pressure.why() == ""


def test_memory_and_lag_speak_against_more_calls_and_say_which_limit_it_is() -> None:
    pressure = Pressure(Limits(lag_ms=100, memory_mb=500), held=lambda: 400_000_000)
    assert pressure.why() == ""
    pressure.limits = Limits(lag_ms=100, memory_mb=300)
    assert "400 MB of memory are held, and limits.memory_mb is 300" in pressure.why()
    pressure.lag = lagging(*[0.4] * 20)
    assert "400 ms late, and limits.lag_ms is 100" in pressure.why()
    pressure.limits = Limits(lag_ms=0)
    assert pressure.why() == ""


@pytest.mark.skipif(not resident(), reason="this system does not say what a process holds")
def test_the_system_says_what_this_process_holds() -> None:
    assert 10_000_000 < resident() < 10_000_000_000


def test_the_switchboard_refuses_where_the_machine_is_strained() -> None:
    board = Switchboard(10, lambda: "This machine is at its limit.")
    assert not board.ready
    with pytest.raises(BusyError, match="at its limit"):
        board.new_call_id()
    assert board.statistics().refused == 1


async def test_a_strained_gateway_says_so_to_its_balancer_and_in_its_figures() -> None:
    async with (
        open_whole({"TRUNKLINE_LIMITS__MEMORY_MB": "1"}) as house,
        httpx2.AsyncClient(base_url=house.address) as http,
    ):
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        page = (await http.get("/metrics")).text
    figures = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    assert float(figures["trunkline_resident_bytes"]) > 1_000_000
    assert "trunkline_loop_lag_seconds" in figures
    assert float(figures["trunkline_calls_refused_total"]) == 0
