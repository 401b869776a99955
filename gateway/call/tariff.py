"""Tariff: what a call pays for at this moment: the model that it talks to, and its tools."""

from __future__ import annotations

from gateway.call.effects import Dial, Effect, RunTool, Use
from gateway.call.events import Event, ToolsChanged
from gateway.call.plan import Plan, ToolSpec
from gateway.call.prices import Billed, Prices

SEEN = frozenset({Dial, Use, ToolsChanged})


class Tariff:
    """Follows a call from one assistant to another by its orders."""

    def __init__(self, plan: Plan) -> None:
        self._all = (plan.billed, *plan.stand_ins)
        self._dialled: dict[int, int] = {}  # assistants by the epochs of their sessions
        self._tools = _priced(plan.tools)
        self.billed: Billed = plan.billed

    @property
    def prices(self) -> Prices:
        """Of the assistant in use."""
        return self.billed.prices

    def tool(self, order: RunTool) -> int:
        """Nanodollars for a run of a tool."""
        return self._tools.get(order.name, 0)

    def see(self, what: Event | Effect) -> None:
        """Notice which assistant is used from now on, and which tools there are."""
        if isinstance(what, Dial):
            self._dialled[what.epoch] = what.assistant
        elif isinstance(what, Use):
            place = self._dialled.get(what.epoch, 0)
            self._dialled.clear()
            self.billed = self._all[place] if place < len(self._all) else self._all[0]
        elif isinstance(what, ToolsChanged):
            self._tools = _priced(what.tools)


def _priced(tools: tuple[ToolSpec, ...]) -> dict[str, int]:
    return {tool.name: tool.price for tool in tools if tool.price}
