"""Checking: asks those who judge what rules cannot: a moderation endpoint, a model of meaning.

Whatever goes wrong is said in the answer; what follows is the policy's to say, and the patience is
the call's. An endpoint that fails and fails is left alone for a while, so that no sentence waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.call.guard.matching import FLAGGED, LIKE, MODERATION
from gateway.call.guard.rules import GuardPolicy
from gateway.call.guard.words import Check, Checked
from gateway.http import LateClient, NoAnswerError
from gateway.settings.guard import Moderation
from tools.guards import Breaker

if TYPE_CHECKING:
    from gateway.embedded.mind.meaning import Meaning

log = logging.getLogger(__name__)

LONGEST = 8_000  # characters that are sent at once
LARGEST = 1024 * 1024  # bytes of an answer
SECONDS = 5.0  # for an answer; a call waits no longer than its patience in any case


class CheckError(Exception):
    """There is no answer, and why."""


class Checker:
    """One gateway's way to those who are asked. What it needs it opens when it is needed."""

    def __init__(self) -> None:
        self._http = LateClient(SECONDS)
        self._breaker = Breaker()
        self._meaning: Meaning | None = None

    async def prepare(self, policy: GuardPolicy) -> None:
        """Load what a policy needs, so that no call waits for it."""
        texts = [text for rule in policy.rules for text in rule.like]
        if texts:
            await asyncio.to_thread(self._warm, texts)

    def _warm(self, texts: list[str]) -> None:
        from gateway.embedded.mind.meaning import find_meaning

        self._meaning = self._meaning or find_meaning()
        if self._meaning is not None:
            for text in texts:
                self._meaning.likeness(text, texts[0])

    def likeness(self, policy: GuardPolicy, order: Check) -> dict[str, float]:
        """How like a text is to the sentences of each rule. Takes milliseconds: in a thread."""
        if self._meaning is None:
            raise CheckError("the model of meaning is not there")
        like = self._meaning.likeness
        rules = (rule for rule in policy.at(order.place) if rule.like)
        return {LIKE + rule.name: max(like(order.text, one) for one in rule.like) for rule in rules}

    async def moderation(self, wanted: Moderation, order: Check) -> dict[str, float]:
        """The endpoint's scores, and what it flags as 1. Raises CheckError."""
        loop = asyncio.get_running_loop()
        if not self._breaker.allows(loop.time()):
            raise CheckError("the moderation endpoint fails, and rests")
        try:
            scores = await self._ask(wanted, f"{order.before}{order.text}"[-LONGEST:])
        except asyncio.CancelledError:
            self._breaker.undecided()
            raise
        except (NoAnswerError, OSError, ValueError, KeyError, TypeError) as error:
            kind = str(error) if isinstance(error, NoAnswerError) else type(error).__name__
            if self._breaker.failed(loop.time()):
                log.error("the moderation endpoint fails", extra={"error": kind})
            raise CheckError(f"the moderation endpoint failed: {kind}") from error
        self._breaker.worked()
        return scores

    async def close(self) -> None:
        """The gateway ends."""
        await self._http.close()

    async def _ask(self, wanted: Moderation, text: str) -> dict[str, float]:
        key = wanted.api_key.reveal()
        answer = await self._http.request(
            "POST",
            f"{wanted.base_url.rstrip('/')}/moderations",
            json={"model": wanted.model, "input": text},
            headers={"Authorization": f"Bearer {key}"} if key else None,
        )
        if not answer.is_success:
            raise ValueError(f"HTTP {answer.status_code}")
        if len(answer.content) > LARGEST:
            raise ValueError("the answer is too long")
        (result, *_) = answer.json()["results"]
        return dict(_scores(result))


def _scores(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for category, score in result["category_scores"].items():
        yield MODERATION + category, float(score or 0)
    for category, flagged in result["categories"].items():
        if flagged:
            yield FLAGGED + category, 1.0


class CallChecks:
    """The checks of one call, by its policy."""

    def __init__(self, checker: Checker, policy: GuardPolicy, moderation: Moderation) -> None:
        self._checker = checker
        self._policy = policy
        self._moderation = moderation

    async def run(self, order: Check) -> Checked:
        """What is said of a text."""
        rules = self._policy.at(order.place)
        scores: dict[str, float] = {}
        try:
            if any(rule.like for rule in rules):
                likeness = self._checker.likeness
                scores |= await asyncio.to_thread(likeness, self._policy, order)
            if any(rule.moderation for rule in rules):
                scores |= await self._checker.moderation(self._moderation, order)
        except CheckError as error:
            return Checked(order.check_id, scores, failed=str(error))
        except Exception as error:  # whatever breaks in a model must not end the call
            log.exception("a check failed")
            return Checked(order.check_id, scores, failed=type(error).__name__)
        return Checked(order.check_id, scores)


@asynccontextmanager
async def open_checker(policy: GuardPolicy) -> AsyncIterator[Checker]:
    """A checker that is ready for a policy."""
    checker = Checker()
    await checker.prepare(policy)
    try:
        yield checker
    finally:
        await checker.close()
