"""A gateway inside this process for a sample caller to call, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.app import Gateway
from gateway.clock import VirtualClockLoop
from gateway.rehearsal.caller import CallError
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import Settings
from tools import AnyTool, Toolbox, ToolDefinitionError, ToolLoadError


@dataclass(frozen=True, slots=True)
class House:
    """An open gateway."""

    url: str  # of the browser's socket
    gateway: Gateway


@asynccontextmanager
async def open_house(
    settings: Settings,
    tools: Iterable[AnyTool] = (),
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[House]:
    """Open a gateway as the settings say, with more tools, on a free port. TrunklineError.

    However busy the machine is: nobody is there whom it serves better when it refuses the call.
    """
    limits = settings.limits.model_copy(update={"lag_ms": 0})
    settings = settings.model_copy(update={"limits": limits})
    try:
        with listen(host, port) as bound:
            async with open_gateway(settings) as gateway:
                toolbox = _with(gateway.toolbox, tools)
                ours = replace(gateway, toolbox=toolbox)
                async with listening(ours, bound) as base:
                    yield House(base.replace("http", "ws", 1) + "/browser", ours)
    except (ToolLoadError, ToolDefinitionError) as error:
        raise CallError(str(error)) from error


def furnish(settings: Settings, modules: Iterable[str], instructions: str = "") -> Settings:
    """The settings with more tool modules, and with instructions where some are given."""
    mine = settings.tools.modules
    more = tuple(module for module in dict.fromkeys(modules) if module not in mine)
    tools = settings.tools.model_copy(update={"modules": mine + more})
    told = instructions or settings.assistant.instructions
    assistant = settings.assistant.model_copy(update={"instructions": told})
    return settings.model_copy(update={"tools": tools, "assistant": assistant})


def _with(toolbox: Toolbox, tools: Iterable[AnyTool]) -> Toolbox:
    """The toolbox with those tools besides. A virtual clock stands still for a tool's thread."""
    toolbox.add(*tools)
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualClockLoop):
        toolbox.threads.around = loop.hold
    return toolbox
