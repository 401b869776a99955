"""The messenger gives gateways what Redis' driver would, also where the parent does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.workers.memory import open_memory
from gateway.workers.messenger import Line, Messenger, RefusedOrderError

ONE_BY_ONE: tuple[Callable[[Any], Awaitable[object]], ...] = (
    lambda to: to.ping(),
    lambda to: to.set("a", "x", px=60_000),
    lambda to: to.get("a"),
    lambda to: to.get("nothing"),
    lambda to: to.pexpire("a", 60_000),
    lambda to: to.getdel("a"),
    lambda to: to.delete("a", "b"),
    lambda to: to.hset("h", "caller", "ü\r\n"),
    lambda to: to.hset("h", mapping={"a": b"\0\xff", "b": 2}),
    lambda to: to.hgetall("h"),
    lambda to: to.hvals("h"),
    lambda to: to.hlen("h"),
    lambda to: to.hdel("h", "a", "nothing"),
    lambda to: to.zadd("z", {"one": 1.5, b"two": float("inf")}),
    lambda to: to.zrange("z", 0, -1),
    lambda to: to.zremrangebyscore("z", "-inf", 2),
    lambda to: to.zrem("z", "one", "two"),
    lambda to: to.xrange("s"),
    lambda to: to.xrevrange("s", count=1),
    lambda to: to.type("h"),
)


@asynccontextmanager
async def both(tmp_path: Path) -> AsyncIterator[tuple[Messenger, Any]]:
    """The messenger and Redis' driver, each before a memory of its own."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    async with open_memory(mine), open_memory(other):
        line, driver = Line(mine, 5.0), Redis.from_url(f"unix://{other}?protocol=2")
        yield Messenger(line), driver
        await line.close()
        await driver.aclose()


async def test_it_answers_as_the_driver_does(tmp_path: Path) -> None:
    async with both(tmp_path) as (messenger, driver):
        for ask in ONE_BY_ONE:
            assert await ask(messenger) == await ask(driver)
        seconds, micros = await messenger.time()
        assert isinstance(seconds, int)
        assert 0 <= micros < 1_000_000
        place = await messenger.xadd("s", {"stop": b"x"}, maxlen=2)
        assert await messenger.xrange("s") == [(place, {b"stop": b"x"})]
        assert await messenger.xrange("s", min=f"({place.decode()}") == []


@pytest.mark.parametrize("transaction", [True, False])
async def test_what_is_gathered_is_asked_together(tmp_path: Path, transaction: bool) -> None:
    async with both(tmp_path) as pair:
        told = []
        for one in pair:
            async with one.pipeline(transaction=transaction) as pipe:
                assert await pipe.execute() == []
                pipe.hset("h", mapping={"a": 1})
                pipe.hvals("h")
                pipe.zadd("z", {"call": 3})
                pipe.delete("h")
                told.append(await pipe.execute())
        assert told == [[1, [b"1"], 1, 1]] * 2


async def test_an_order_that_is_refused_harms_no_other(tmp_path: Path) -> None:
    async with both(tmp_path) as (messenger, _):
        await messenger.set("word", "x")
        with pytest.raises(RefusedOrderError, match="another kind"):
            await messenger.zrem("word", "a")
        for transaction in (True, False):
            async with messenger.pipeline(transaction=transaction) as pipe:
                pipe.zrem("word", "a")
                pipe.set("other", "y")
                with pytest.raises(RefusedOrderError, match="another kind"):
                    await pipe.execute()
            assert await messenger.get("other") == b"y"
        with pytest.raises(RefusedOrderError, match="no script"):
            await messenger.register_script("return 1")()


async def test_an_answer_that_nobody_waited_for_is_not_the_next_ones(tmp_path: Path) -> None:
    async with both(tmp_path) as (messenger, _):
        await messenger.set("a", "1")
        asking = asyncio.create_task(messenger.get("a"))
        await asyncio.sleep(0)  # it is asked
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await messenger.get("nothing") is None


@pytest.mark.parametrize("said", [b"", b"$5\r\nab", b"what\r\n"], ids=["gone", "half", "strange"])
async def test_a_parent_that_breaks_off_is_a_connection_that_does(
    tmp_path: Path, said: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    line = Line(tmp_path / "s", 5.0)
    with pytest.raises(OSError):  # noqa: PT011  # whichever: users take them alike
        await Messenger(line).ping()
    async with await asyncio.start_unix_server(answer, str(tmp_path / "s")):
        with pytest.raises(OSError):  # noqa: PT011
            await Messenger(line).ping()
    await line.close()


@pytest.mark.virtual_clock
async def test_a_parent_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    line = Line(tmp_path / "s", 2.0)
    async with await asyncio.start_unix_server(hear, str(tmp_path / "s")):
        with pytest.raises(TimeoutError):
            await Messenger(line).ping()
        await line.close()
