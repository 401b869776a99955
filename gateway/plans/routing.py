"""Routing: who may answer a call beside the assistant it begins with, and by which rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.call.plan import RoutingPolicy, RoutingRule
from gateway.call.prices import Prices
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Cast:
    """Those who may answer in place of a call's own assistant, by name and in their order.

    Those of recovery.assistants come first: it is they who are asked when one is gone.
    """

    names: tuple[str, ...]
    policy: RoutingPolicy


def cast_of(settings: Settings, own: str, price: Callable[[str], Prices]) -> Cast:
    """For a call that begins with that assistant. `price`: what one of that name costs."""
    routes = [route for route in settings.routes if route.answers in ("*", own)]
    stand_ins = settings.recovery.assistants
    wanted = (*(route.assistant for route in routes), settings.routing.cheaper)
    more = dict.fromkeys(name for name in wanted if name not in ("", own, *stand_ins))
    names = (*stand_ins, *more)
    place = {name: number for number, name in reversed(tuple(enumerate(names, start=1)))}
    place |= {"": 0, own: 0}
    rules = tuple(
        RoutingRule(
            place[route.assistant],
            route.words,
            route.turns,
            route.languages,
            route.spent_percent,
            route.load_percent,
        )
        for route in routes
    )
    cheaper = place[settings.routing.cheaper]
    if not settings.routing.cheaper and more:
        cheapest = min((own, *more), key=lambda name: _dearness(price(name)))
        cheaper = place[cheapest]
    return Cast(names, RoutingPolicy(rules, cheaper))


def _dearness(prices: Prices) -> int:
    """What puts models in order: a token of each kind, of which sound is most of a bill."""
    kinds = (prices.text, prices.audio)
    return sum(rate.input + rate.cached + rate.output for rate in kinds)
