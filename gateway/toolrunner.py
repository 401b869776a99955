"""Lets a call run the tools of a toolbox, and tells the model which there are."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.call import effects as do
from gateway.call import events as on
from gateway.call.plan import Plan, ToolSpec
from tools.context import ToolContext
from tools.toolbox import Toolbox

log = logging.getLogger(__name__)


def specs(toolbox: Toolbox) -> tuple[ToolSpec, ...]:
    """What a plan says of the tools."""
    return tuple(ToolSpec(one.name, one.description, one.parameters) for one in toolbox.specs)


class ToolRunner:
    """The tools of one call."""

    def __init__(self, toolbox: Toolbox, plan: Plan) -> None:
        self._toolbox = toolbox
        self._plan = plan

    async def run(self, order: do.RunTool, hang_up: Callable[[str], None]) -> on.ToolFinished:
        """The tool's answer; whatever goes wrong is told in it."""
        context = ToolContext(
            call_id=self._plan.call_id, metadata=self._plan.metadata, hang_up=hang_up
        )
        result = await self._toolbox.run(order.name, order.arguments, context)
        log.info("tool finished", extra={"tool": order.name, "failed": result.failed})
        return on.ToolFinished(order.call_id, result.output, result.failed)
