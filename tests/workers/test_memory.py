"""What workers share behaves as a Redis does, for all that gateways do with it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import ResponseError

import gateway
from gateway.admission.counts import Limit
from gateway.budgets.shared import CLAIM
from gateway.call.events import CallerJoined
from gateway.call.plan import Plan
from gateway.sharing.calls import SharedCalls
from gateway.sharing.counts import RENEW, TAKE, SharedCounts
from gateway.sharing.redis import SharedTickets
from gateway.sharing.stops import SharedStops
from gateway.store.stop import Stop
from gateway.workers.memory import Commands, open_memory
from gateway.workers.scripts import SCRIPTS, named
from gateway.workers.shelf import Shelf
from tests import services

ADA = CallerJoined("+15550100", called="+1", tenant="acme")


@pytest.fixture(scope="module")
def server() -> Any:
    with services.redis() as running:
        yield running


@asynccontextmanager
async def memory_at(tmp_path: Path) -> AsyncIterator[Redis]:
    async with open_memory(tmp_path / "s"):
        redis = Redis.from_url(f"unix://{tmp_path}/s?protocol=2")
        yield redis
        await redis.aclose()


def test_every_script_that_gateways_have_has_one_here() -> None:
    found = set()
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        source = Path(gateway.__path__[0]).parent / (module.name.replace(".", "/") + ".py")
        if source.is_file() and "register_script(" in (text := source.read_text()):
            loaded = importlib.import_module(module.name)
            for name in re.findall(r"register_script\((\w+)\)", text):
                found.add(named(getattr(loaded, name)))
    assert found
    assert found == SCRIPTS.keys()


def test_every_command_that_gateways_give_is_known_here() -> None:
    used = re.compile(r"(?:_redis|\bredis|\bpipe)\.([a-z_]+)\(")
    ours = {"delete": "del", "scan_iter": "scan", "register_script": "evalsha"}
    ours |= dict.fromkeys(("aclose", "pipeline", "execute", "call", "reveal", "from_url"), "ping")
    root, known = Path(gateway.__path__[0]), Commands(Shelf()).known
    for source in root.rglob("*.py"):
        if source.parent.name != "workers":
            for name in used.findall(source.read_text()):
                assert ours.get(name, name) in known, f"{source.relative_to(root)}: {name}"


async def test_what_names_a_caller_is_found_and_forgotten(tmp_path: Path) -> None:
    async with memory_at(tmp_path) as memory:
        await memory.set("trunkline:a", "x")
        await memory.hset("trunkline:b", "name", "+1555")
        await memory.zadd("trunkline:c", {"call": 1.0})
        first = await memory.xadd("trunkline:e", {"stop": "x"})
        await memory.xadd("trunkline:e", {"stop": "y"})
        await memory.set("other", "x")
        found = {key async for key in memory.scan_iter(match="trunkline:*")}
        kinds = {key[-1:]: await memory.type(key) for key in found}
        assert kinds == {
            b"a": b"string",
            b"b": b"hash",
            b"c": b"zset",
            b"e": b"stream",
        }
        assert await memory.xdel("trunkline:e", first) == 1
        assert [fields for _, fields in await memory.xrange("trunkline:e")] == [{b"stop": b"y"}]
        assert await memory.type("nothing") == b"none"


async def test_a_ticket_is_good_once_among_workers(tmp_path: Path) -> None:
    async with memory_at(tmp_path) as memory:
        workers = [SharedTickets(memory) for _ in range(3)]
        word = workers[0].issue(ADA)
        await workers[0].wait_known(word)
        assert [await one.redeem(word) for one in reversed(workers)] == [ADA, None, None]


async def test_calls_are_counted_together(tmp_path: Path) -> None:
    async with memory_at(tmp_path) as memory:
        limits = (Limit("caller", 2, "quotas.caller_calls"),)
        one, two = SharedCounts(memory), SharedCounts(memory)
        assert await one.exceeded(limits, "a") is None
        one.hold("a", limits)
        assert await two.exceeded(limits, "b") is None
        assert await two.exceeded(limits, "c") is not None
        one.let_go("a")
        await one.wait_left()
        assert await two.exceeded(limits, "c") is None


async def test_calls_of_all_workers_are_listed_by_each(tmp_path: Path) -> None:
    plan = Plan(call_id="call_01", tenant="acme")
    board = SimpleNamespace(sessions=[SimpleNamespace(plan=plan)])
    async with memory_at(tmp_path) as memory:
        one = SharedCalls(memory, board, "gw_1")  # type: ignore[arg-type]
        two = SharedCalls(memory, board, "gw_2")  # type: ignore[arg-type]
        await one.tell()
        assert [call.id for call in await two.others()] == ["call_01"]
        assert await one.others() == []
        board.sessions = []
        await one.tell()
        assert await two.others() == []
        await one.leave()


async def test_the_calls_of_a_gateway_that_died_are_gone_when_another_takes_its_place(
    tmp_path: Path,
) -> None:
    board = SimpleNamespace(sessions=[SimpleNamespace(plan=Plan(call_id="call_01"))])
    async with memory_at(tmp_path) as memory:
        dead = SharedCalls(memory, board, "gw_1")  # type: ignore[arg-type]
        await dead.tell()
        heir = SharedCalls(memory, board, "gw_2")  # type: ignore[arg-type]
        assert len(await heir.others()) == 1
        await heir.forget("gw_1")
        assert await heir.others() == []


async def test_orders_to_stop_reach_all_workers_in_turn(tmp_path: Path) -> None:
    stops = [Stop("*", "call", f"call_{number}", "enough") for number in range(3)]
    async with memory_at(tmp_path) as memory:
        one, two = SharedStops(memory), SharedStops(memory)
        await one.order(stops[0])
        place = await two.newest()
        for stop in stops[1:]:
            await one.order(stop)
        assert (await two.after(place))[0] == stops[1:]
        await one.order(revoked := Stop("*", "token", "jwt_1", "lost"))
        await one.order(Stop("*", "token", "jwt_2", "lost", until=1.0))
        await one.order(soon := Stop("*", "token", "jwt_3", "lost", until=time.time()))
        assert await two.revoked() == [soon, revoked], "what has expired is kept no more"


async def test_what_it_does_not_know_is_an_error_and_no_more(tmp_path: Path) -> None:
    async with memory_at(tmp_path) as memory:
        for order in (["FLUSHALL"], ["GET"], ["SET", "a", "b", "ZZ"], ["EVALSHA", "0" * 40, "0"]):
            with pytest.raises(ResponseError):
                await memory.execute_command(*order)
        await memory.set("word", "x")
        with pytest.raises(ResponseError, match="another kind"):
            await memory.zrem("word", "a")
        assert await memory.get("word") == b"x"


async def test_what_has_expired_is_gone_and_there_is_an_end_to_what_is_kept() -> None:
    now = [1000.0]
    shelf = Shelf(lambda: now[0])
    shelf.put("a", "1", shelf.now_ms() + 500)
    assert shelf.get("a", str) == "1"
    now[0] += 0.5
    assert shelf.get("a", str) is None
    assert len(shelf) == 0


KEYS, CALLS = st.sampled_from(["k1", "k2"]), st.sampled_from(["", "a", "b", "c"])
AMOUNTS = st.integers(0, 50)
STEPS = st.one_of(
    st.tuples(st.just("take"), st.sets(KEYS, min_size=1), CALLS, st.integers(1, 2)),
    st.tuples(st.just("renew"), KEYS, st.sampled_from(["a", "b"])),
    st.tuples(st.just("claim"), st.sampled_from(["a", "b"]), AMOUNTS, AMOUNTS, AMOUNTS),
)
LONG = 3_600_000  # nothing expires while the two are compared


@given(st.lists(STEPS, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_scripts_do_here_what_they_do_in_redis(
    server: services.Redis, tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    place = tmp_path_factory.mktemp("m") / "s"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_memory(place))
        real = Redis.from_url(server.url, protocol=2)
        ours = Redis.from_url(f"unix://{place}?protocol=2")
        stack.push_async_callback(real.aclose)
        stack.push_async_callback(ours.aclose)
        await real.flushall()
        for step in steps:
            assert await done(ours, step) == await done(real, step), step


async def done(redis: Redis, step: Any) -> Any:
    """The answer to one step; times left are not compared."""
    match step:
        case "take", keys, call, most:
            flat = [call, *(value for _ in keys for value in (most, LONG))]
            return (await redis.register_script(TAKE)([f"z{key}" for key in sorted(keys)], flat))[0]
        case "renew", key, call:
            return await redis.register_script(RENEW)([f"z{key}"], [LONG, call])
        case "claim", call, spent, upto, limit:
            values = [call, 0, spent, spent + upto, LONG, LONG, limit, 5, LONG, 100, -1, LONG]
            keys = ["h1", "h2", f"call:{call}"]
            return await redis.register_script(CLAIM)(keys, values)
