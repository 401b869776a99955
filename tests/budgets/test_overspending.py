"""Two hundred calls against one budget: one answer too much is spent at most, by one gateway or
by four.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from gateway.budgets.ledger import MemoryLedger
from gateway.budgets.shared import SharedLedger
from tests import services
from tests.budgets.bank import Books, account, claim
from tests.budgets.callers import CENT, talk_all

ROOT = Path(__file__).parents[2]
LIMIT = 500 * CENT
CALLS = 200


def check(costs: list[list[int]]) -> None:
    answers = [cost for call in costs for cost in call]
    assert len(costs) == CALLS
    assert LIMIT * 9 // 10 < sum(answers) <= LIMIT + max(answers)


async def test_two_hundred_calls_of_one_gateway_overspend_by_one_answer_at_most() -> None:
    ledger = MemoryLedger(Books().before)
    costs = await talk_all(ledger, account(LIMIT), CALLS, "one")
    check(costs)
    assert await ledger.look([account(LIMIT)]) == [(sum(map(sum, costs)), 0)]


@asynccontextmanager
async def gateway(url: str, seed: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with its share of the calls, ready to begin."""
    arguments = (url, str(LIMIT), str(CALLS // 4), seed)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.budgets.callers", *arguments),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def test_what_a_killed_gateway_held_is_given_back() -> None:
    hold = """
import asyncio, sys
from redis.asyncio import Redis
from gateway.budgets.shared import SharedLedger
from tests.budgets.bank import Books, account, claim

async def main():
    ledger = SharedLedger(Redis.from_url(sys.argv[1]), Books().before, lease_ms=500)
    await ledger.claim([account(100)], claim("call", 10, 70))
    sys.stdout.write("held\\n")
    sys.stdout.flush()
    await asyncio.sleep(600)

asyncio.run(main())
"""
    with services.redis() as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", hold, server.url),
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=PIPE,
        )
        assert child.stdout is not None
        assert await child.stdout.readline() == b"held\n"
        child.kill()
        await child.wait()
        redis = Redis.from_url(server.url)
        ledger = SharedLedger(redis, Books().before)
        while (await ledger.look([account(100)])) != [(10, 0)]:
            await asyncio.sleep(0.01)
        grant = await ledger.claim([account(100)], claim("other", 0, 200))
        await redis.aclose()
    assert grant.upto == 90


async def test_nor_do_those_of_four_processes_on_one_redis() -> None:
    with services.redis() as server:
        async with AsyncExitStack() as stack:
            processes = [
                await stack.enter_async_context(gateway(server.url, f"gateway_{number}"))
                for number in range(4)
            ]
            said = await asyncio.gather(*(one.communicate(b"go\n") for one in processes))
        costs = [call for out, _ in said for call in json.loads(out)]
        check(costs)
        redis = Redis.from_url(server.url)
        look = await SharedLedger(redis, Books().before).look([account(LIMIT)])
        await redis.aclose()
    assert look == [(sum(map(sum, costs)), 0)]
